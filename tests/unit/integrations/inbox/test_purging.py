"""What was dealt with is forgotten after 35 days; what waits for a person is not."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext
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


def test_what_was_dealt_with_35_days_ago_goes_and_nothing_else() -> None:
    stored("old", processed_at=NOW - 35 * DAY)
    stored("old of brevo's", processed_at=NOW - 300 * DAY, provider="brevo")
    stored("recent", processed_at=NOW - 35 * DAY + SECOND)
    stored("waits", processed_at=None)
    stored("waits for a person", processed_at=None, outcome="no charge of ours")

    assert purging.purge_processed(at=NOW) == 2
    assert left() == ["recent", "waits", "waits for a person"]
    assert purging.purge_processed(at=NOW) == 0


def test_it_outlasts_what_stripe_lists_so_that_no_event_is_recorded_anew() -> None:
    assert purging.KEPT > events.KEPT


def test_all_of_it_goes_in_small_statements() -> None:
    for number in range(7):
        stored(str(number), processed_at=NOW - 40 * DAY)

    with CaptureQueriesContext(connection) as queries:
        assert purging.purge_processed(at=NOW, batch=3) == 7

    assert left() == []
    assert [query["sql"].split()[0] for query in queries] == ["DELETE"] * 3


def test_it_is_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = WebhookEvent.objects.filter(processed_at__lte=NOW - purging.KEPT).explain()
    assert re.search(r"webhook_processed.*\n +Index Cond: \(processed_at <=", plan), plan


def test_the_task_that_the_schedule_names() -> None:
    from config.schedule import JOBS

    stored("old", processed_at=timezone.now() - 36 * DAY)
    stored("recent", processed_at=timezone.now() - 34 * DAY)

    current_app.tasks[JOBS["purge-webhook-events"]["task"]]()

    assert left() == ["recent"]
