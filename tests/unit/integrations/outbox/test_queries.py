from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Exists

from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from integrations.outbox.queries import live_messages

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
TASK = "charges.process_webhook"


@pytest.fixture
def event(db: None) -> WebhookEvent:
    return WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={})


def message(event: WebhookEvent, **fields: Any) -> None:
    row = {"task": TASK, "queue": "ChargesQueue", "kwargs": {"webhook_event_id": str(event.pk)}, "sent_at": NOW}
    OutboxMessage.objects.create(**{**row, **fields})


def is_live(*, since: dt.datetime = NOW) -> bool:
    return WebhookEvent.objects.filter(Exists(live_messages(task=TASK, about="pk", sent_since=since))).exists()


@pytest.mark.parametrize(
    ("fields", "live"),
    [
        ({}, True),
        ({"sent_at": None}, True),
        ({"sent_at": None, "not_before": NOW + dt.timedelta(days=9)}, True),
        ({"sent_at": NOW - dt.timedelta(microseconds=1)}, False),
        ({"task": "charges.capture_payment"}, False),
        ({"kwargs": {"webhook_event_id": str(uuid4())}}, False),
        ({"kwargs": {}}, False),
    ],
    ids=["sent", "unsent", "delayed", "sent long ago", "to another task", "about another", "about nothing"],
)
def test_a_message_is_live(event: WebhookEvent, fields: dict[str, Any], live: bool) -> None:
    message(event, **fields)
    assert is_live() is live


def test_the_most_particular_id_is_what_a_message_is_about(event: WebhookEvent) -> None:
    message(event, kwargs={"order_id": str(event.pk), "refund_id": str(uuid4())})
    assert not is_live()
    message(event, kwargs={"order_id": str(uuid4()), "refund_id": str(event.pk)})
    assert is_live()


@pytest.mark.parametrize(("task", "queue"), [(TASK, "ChargesQueue"), ("orders.start_fulfilment", "OrdersQueue")])
def test_one_look_into_the_index_tells(event: WebhookEvent, task: str, queue: str) -> None:
    """Among many messages, all of them sent just now."""
    others = [
        OutboxMessage(task=task, queue=queue, kwargs={"webhook_event_id": str(uuid4())}, sent_at=NOW)
        for _ in range(3000)
    ]
    OutboxMessage.objects.bulk_create(others)
    stuck = WebhookEvent.objects.filter(~Exists(live_messages(task=task, about="pk", sent_since=NOW)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE outbox_outboxmessage")
    plan = stuck.explain(costs=False)
    assert "Index Scan using outbox_about_swept" in plan
    condition = next(line for line in plan.splitlines() if "Index Cond" in line and task in line)
    assert "webhook_event_id" in condition and "inbox_webhookevent.id" in condition, plan
