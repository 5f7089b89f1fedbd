"""Stripe's events in tests: read from the sandbox, stored as the webhook does, processed as the task does."""

from __future__ import annotations

from typing import Any

from charges.events import StripeWebhookReceived
from charges.operations.stripe_events.processing import process_stripe_event
from integrations.inbox.models import WebhookEvent
from integrations.inbox.recording import Received, record
from tests.support.days import NOW
from tests.support.sandboxes import StripeSandbox


def stripe_events(sandbox: StripeSandbox, type_: str = "") -> list[dict[str, Any]]:
    """Stripe's events whose type contains ``type_``, oldest first."""
    return [event for event in reversed(sandbox.objects("events")) if type_ in event["type"]]


def store_event(event: dict[str, Any]) -> WebhookEvent:
    """A row of the inbox, without a message to process it."""
    return WebhookEvent.objects.create(provider="stripe", event_id=event["id"], type=event["type"], payload=event)


def process_event(stored: WebhookEvent) -> str:
    """One delivery of the message that processes the event. Returns the outcome."""
    process_stripe_event(webhook_event_id=stored.pk, at=NOW)
    stored.refresh_from_db()
    assert stored.processed_at is not None
    return stored.outcome


def receive_events(sandbox: StripeSandbox, *types: str) -> None:
    """Record Stripe's events of these types as the webhook view does, newest first."""
    events = [event for event in sandbox.objects("events") if event["type"] in types]
    received = [Received(event_id=event["id"], type=event["type"], payload=event) for event in events]
    record(provider="stripe", received=received, event=lambda id: StripeWebhookReceived(webhook_event_id=id))
