from __future__ import annotations

import pytest

from charges.events import StripeWebhookReceived
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from tests.support.concurrency import at_once


def received(event_id: str) -> recording.Received:
    return recording.Received(event_id=event_id, type="payment_intent.succeeded", payload={"id": event_id})


def record(*event_ids: str) -> int:
    return recording.record(
        provider="stripe",
        received=[received(event_id) for event_id in event_ids],
        event=lambda pk: StripeWebhookReceived(webhook_event_id=pk),
    )


def test_an_event_that_comes_twice_is_stored_and_published_once(transactional_db: None) -> None:
    assert record("evt_1", "evt_2", "evt_1") == 2
    assert record("evt_2", "evt_3") == 1
    assert sorted(WebhookEvent.objects.values_list("event_id", flat=True)) == ["evt_1", "evt_2", "evt_3"]
    assert OutboxMessage.objects.filter(task="charges.process_webhook").count() == 3


def test_an_event_that_comes_twice_at_once_is_stored_and_published_once(transactional_db: None) -> None:
    assert sorted(at_once(lambda: record("evt_1"), times=8)) == [0] * 7 + [1]
    assert WebhookEvent.objects.count() == OutboxMessage.objects.count() == 1


def test_the_same_id_of_another_provider_is_another_event(transactional_db: None) -> None:
    record("evt_1")
    recording.record(
        provider="brevo", received=[received("evt_1")], event=lambda pk: StripeWebhookReceived(webhook_event_id=pk)
    )
    assert WebhookEvent.objects.count() == 2


def test_an_unpublishable_event_is_not_stored(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(recording, "publish_all", fail)
    with pytest.raises(RuntimeError):
        record("evt_1")
    assert not WebhookEvent.objects.exists()


def test_the_outcome_of_an_event_is_stored(transactional_db: None) -> None:
    record("evt_1")
    event = WebhookEvent.objects.get()
    recording.mark_processed(webhook_event_id=event.pk, outcome="settled")
    event.refresh_from_db()
    assert event.outcome == "settled" and event.processed_at is not None
