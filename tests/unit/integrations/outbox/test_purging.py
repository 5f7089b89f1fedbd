from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from config.schedule import JOBS
from integrations.outbox import purging
from integrations.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
HOUR, SECOND = dt.timedelta(hours=1), dt.timedelta(seconds=1)


def message(group: str, *, sent_at: dt.datetime | None) -> None:
    OutboxMessage.objects.create(
        task="orders.start_fulfillment", queue="OrdersQueue", kwargs={}, group=group, sent_at=sent_at
    )


def left() -> list[str]:
    return list(OutboxMessage.objects.order_by("group").values_list("group", flat=True))


def test_only_messages_sent_long_ago_are_deleted(settings: Any) -> None:
    settings.OUTBOX_RETENTION_HOURS = 72
    for number in range(5):
        message(f"old {number}", sent_at=NOW - 72 * HOUR)
    message("recent", sent_at=NOW - 72 * HOUR + SECOND)
    message("unsent", sent_at=None)

    assert purging.purge_sent(at=NOW, batch=2) == 5
    assert left() == ["recent", "unsent"]
    assert purging.purge_sent(at=NOW, batch=2) == 0


def test_the_scheduled_task_purges(settings: Any) -> None:
    settings.OUTBOX_RETENTION_HOURS = 72
    message("old", sent_at=timezone.now() - 73 * HOUR)
    message("recent", sent_at=timezone.now() - 71 * HOUR)

    current_app.tasks[JOBS["purge-outbox"]["task"]]()

    assert left() == ["recent"]
