"""Stuck events of one provider are found, the oldest first. More cases: the tests of each provider's finder."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import pytest

from integrations.inbox.models import WebhookEvent
from integrations.inbox.recovery import stuck_events
from integrations.outbox.events import Event
from integrations.outbox.recovery import Window

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DAY, HOUR, SECOND = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(seconds=1)
STUCK = Window(at=NOW, batch=1).stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Event):
    webhook_event_id: UUID


def stored(event_id: str, **fields: object) -> UUID:
    values = {"type": "test", "payload": {}, "provider": "brevo", "received_at": NOW - HOUR}
    return WebhookEvent.objects.create(event_id=event_id, **{**values, **fields}).pk


def found(*, batch: int = 10) -> list[Event]:
    return list(
        stuck_events(
            provider="brevo",
            task="tests.process",
            event=lambda id: Received(webhook_event_id=id),
            window=Window(at=NOW, batch=batch),
        )
    )


def test_the_oldest_events_are_found_first() -> None:
    second, first, third = stored("2"), stored("1", received_at=NOW - 2 * HOUR), stored("3", received_at=STUCK)
    assert found() == [Received(webhook_event_id=id) for id in (first, second, third)]
    assert found(batch=1) == [Received(webhook_event_id=first)]


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": "stripe"},
        {"processed_at": NOW},
        {"outcome": "failed: PermanentError"},
        {"received_at": STUCK + SECOND},
        {"received_at": NOW - 3 * DAY - SECOND},
    ],
    ids=["another provider's", "processed", "left to a person", "too young", "too old"],
)
def test_other_events_are_not_found(fields: dict[str, object]) -> None:
    stored("1", **fields)
    assert found() == []
