from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from integrations.inbox.models import WebhookEvent
from integrations.outbox.events import publish
from integrations.outbox.models import OutboxMessage
from integrations.outbox.recovery import Window, sweep
from notifications.events import BrevoWebhookReceived
from notifications.operations import brevo_events
from notifications.operations.recovery import FINDERS

pytestmark = pytest.mark.django_db(transaction=True)

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
HOUR, SECOND = dt.timedelta(hours=1), dt.timedelta(seconds=1)
STUCK = Window(at=NOW, batch=1).stuck


def stored_event(**fields: Any) -> WebhookEvent:
    payload = {"event": "delivered", "email": "ada@example.com", "message-id": "<1@brevo>"}
    values = {"provider": "brevo", "event_id": "1", "type": "delivered", "payload": payload, "received_at": NOW - HOUR}
    return WebhookEvent.objects.create(**{**values, **fields})


def found(*, at: dt.datetime = NOW, batch: int = 500) -> int:
    return sweep(at=at, batch=batch)["Brevo events"]


def test_an_unprocessed_event_is_published_again_and_then_processed() -> None:
    event = stored_event()
    assert found() == 1
    message = OutboxMessage.objects.get()
    assert (message.task, message.subject_id) == ("brevo.process_webhook", event.pk)
    assert brevo_events.process(webhook_event_id=event.pk, at=NOW)
    OutboxMessage.objects.update(sent_at=NOW)
    assert found(at=NOW + 2 * HOUR) == 0


def test_a_second_sweep_finds_nothing_until_the_message_is_lost_too() -> None:
    stored_event()
    assert [found(), found()] == [1, 0]
    OutboxMessage.objects.update(sent_at=NOW)
    assert found(at=NOW + (NOW - STUCK) - SECOND) == 0
    assert found(at=NOW + (NOW - STUCK) + SECOND) == 1


def test_an_event_whose_message_is_on_its_way_is_left_alone() -> None:
    event = stored_event()
    with transaction.atomic():
        publish(BrevoWebhookReceived(webhook_event_id=event.pk))
    assert found() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"processed_at": NOW},
        {"outcome": "failed: PermanentError"},
        {"received_at": STUCK + SECOND},
        {"received_at": NOW - dt.timedelta(days=3) - SECOND},
    ],
    ids=["processed", "left to a person", "too young", "too old"],
)
def test_other_events_are_left_alone(fields: dict[str, Any]) -> None:
    stored_event(**fields)
    assert found() == 0


def test_an_event_of_stripe_is_left_to_charges() -> None:
    event = stored_event(provider="stripe")
    assert sweep(at=NOW)["Stripe events"] == 1
    assert set(OutboxMessage.objects.values_list("task", "subject_id")) == {("charges.process_webhook", event.pk)}


def test_a_batch_takes_the_oldest_events() -> None:
    events = [stored_event(event_id=str(n), received_at=NOW - HOUR - n * SECOND) for n in range(3)]
    assert found(batch=2) == 2
    assert set(OutboxMessage.objects.values_list("subject_id", flat=True)) == {events[1].pk, events[2].pk}


def test_every_finder_is_tested() -> None:
    assert set(FINDERS) == {"Brevo events"}
