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
    row = {"task": TASK, "queue": "ChargesQueue", "kwargs": {}, "subject_id": event.pk, "sent_at": NOW}
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
        ({"subject_id": uuid4()}, False),
        ({"subject_id": None}, False),
    ],
    ids=["sent", "unsent", "delayed", "sent long ago", "to another task", "about another", "about nothing"],
)
def test_a_message_is_live(event: WebhookEvent, fields: dict[str, Any], live: bool) -> None:
    message(event, **fields)
    assert is_live() is live


def test_the_index_finds_a_message_among_many_that_were_just_sent(event: WebhookEvent) -> None:
    others = [
        OutboxMessage(task=TASK, queue="ChargesQueue", kwargs={}, subject_id=uuid4(), sent_at=NOW) for _ in range(3000)
    ]
    OutboxMessage.objects.bulk_create(others)
    stuck = WebhookEvent.objects.filter(~Exists(live_messages(task=TASK, about="pk", sent_since=NOW)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE outbox_outboxmessage, inbox_webhookevent")
    plan = stuck.explain(costs=False)
    assert "Index Scan using outbox_subject" in plan
    condition = next(line for line in plan.splitlines() if "Index Cond" in line and TASK in line)
    assert "subject_id = inbox_webhookevent.id" in condition, plan
