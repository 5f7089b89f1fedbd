from __future__ import annotations

import datetime as dt

from integrations.outbox.models import OutboxMessage
from integrations.outbox.scheduler import publish_tick


def test_several_schedulers_write_a_tick_once(transactional_db: None) -> None:
    at = dt.datetime(2026, 11, 23, 3, 17, 42, tzinfo=dt.UTC)
    job, task = "purge-stored-responses", "orders.purge_stored_responses"
    assert publish_tick(job=job, task=task, at=at)
    assert not publish_tick(job=job, task=task, at=at + dt.timedelta(seconds=10))
    assert publish_tick(job=job, task=task, at=at + dt.timedelta(minutes=1))
    assert OutboxMessage.objects.filter(task=task, queue="OrdersQueue").count() == 2
