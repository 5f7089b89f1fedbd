"""Celery beat with the outbox instead of a broker: each tick is a row, written once even if several beats run."""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from integrations.sqs.tasks import queue_for


class OutboxScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Writes each due entry as an outbox row, with its name and minute as the deduplication key."""

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **_: Any) -> None:
        entry = self.reserve(entry) if advance else entry
        publish_tick(job=entry.name, task=entry.task, at=timezone.now())


def publish_tick(*, job: str, task: str, at: dt.datetime) -> bool:
    """Write the row for this job and minute; False if another scheduler has already written it."""
    slot = at.astimezone(dt.UTC).replace(second=0, microsecond=0)
    row = OutboxMessage(
        task=task,
        queue=queue_for(task).name,
        kwargs={},
        headers={"event": f"schedule:{job}"},
        deduplication_key=f"{job}@{slot.isoformat()}",
    )
    OutboxMessage.objects.bulk_create([row], ignore_conflicts=True)
    return OutboxMessage.objects.filter(pk=row.pk).exists()
