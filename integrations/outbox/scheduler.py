"""Celery beat with the outbox in the place of the broker: a tick is a row, written once however many beats run."""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from integrations.sqs.tasks import queue_for


class OutboxScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Publishes each due entry as an outbox row, keyed by its name and minute."""

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **_: Any) -> None:
        entry = self.reserve(entry) if advance else entry
        publish_tick(job=entry.name, task=entry.task, at=timezone.now())


def publish_tick(*, job: str, task: str, at: dt.datetime) -> bool:
    """Write the row for this job's tick at this minute; False when another scheduler has written it already."""
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
