"""Processed events are deleted after 35 days; unprocessed ones are not."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone

from integrations.inbox import purging
from integrations.inbox.models import WebhookEvent
from integrations.stripe import events

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)


def stored(event_id: str, *, processed_at: dt.datetime | None, provider: str = "stripe", outcome: str = "") -> None:
    WebhookEvent.objects.create(
        provider=provider,
        event_id=event_id,
        type="payment_intent.succeeded",
        payload={"billing_details": {"email": "ada@example.com"}},
        received_at=NOW - 400 * DAY,
        processed_at=processed_at,
        outcome=outcome,
    )


def left() -> list[str]:
    return list(WebhookEvent.objects.order_by("event_id").values_list("event_id", flat=True))


def test_only_events_processed_35_days_ago_are_deleted() -> None:
    stored("old", processed_at=NOW - 35 * DAY)
    stored("old of brevo's", processed_at=NOW - 300 * DAY, provider="brevo")
    stored("recent", processed_at=NOW - 35 * DAY + SECOND)
    stored("waits", processed_at=None)
    stored("waits for a person", processed_at=None, outcome="no charge of ours")

    assert purging.purge_processed(at=NOW) == 2
    assert left() == ["recent", "waits", "waits for a person"]
    assert purging.purge_processed(at=NOW) == 0


def test_an_event_that_stripe_may_still_list_is_not_deleted() -> None:
    """The search for missed events would store it again, and process it a second time."""
    stored("listed", processed_at=NOW)
    assert purging.purge_processed(at=NOW + events.RETENTION) == 0
    assert left() == ["listed"]


def test_the_purge_uses_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = WebhookEvent.objects.filter(processed_at__lte=NOW - purging.RETENTION).explain()
    assert re.search(r"webhook_processed.*\n +Index Cond: \(processed_at <=", plan), plan


def test_the_scheduled_task_purges() -> None:
    from config.schedule import JOBS

    stored("old", processed_at=timezone.now() - 36 * DAY)
    stored("recent", processed_at=timezone.now() - 34 * DAY)

    current_app.tasks[JOBS["purge-webhook-events"]["task"]]()

    assert left() == ["recent"]
