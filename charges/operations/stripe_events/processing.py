"""Process stored Stripe events. The payload names an object, which is read again at Stripe."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from charges.models import Charge
from charges.operations.payments.reading import read_payment
from charges.operations.stripe_events.disputes import process_dispute_event
from charges.operations.stripe_events.objects import charge_of_intent, object_of
from charges.operations.stripe_events.payment_methods import process_payment_method_event
from charges.operations.stripe_events.refunds import process_refund_event
from integrations.errors import PermanentError
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.inbox.queries import webhook_event
from integrations.stripe.event_types import (
    DISPUTE_EVENTS,
    INTENT_EVENTS,
    PAYMENT_METHOD_EVENTS,
    REFUND_EVENTS,
    SETUP_EVENTS,
)

logger = logging.getLogger(__name__)


class StrayIntent(PermanentError):
    """The event is about a second intent of one of our charges. This must not happen: a person has to look."""


def process_stripe_event(*, webhook_event_id: UUID, at: dt.datetime) -> None:
    """Process a stored event. Events may repeat and come in any order.

    Raises ``WebhookEventNotFound``, ``ChargeNotHereYet``, ``StrayIntent``, ``DisputedBeforePaid``, ``DisputeDiffers``,
    and what settlement and the gateway raise.
    """
    event = webhook_event(webhook_event_id=webhook_event_id, provider=WebhookEvent.Provider.STRIPE)
    if event.processed_at is not None:
        logger.info("Event %s was processed before.", event.event_id)
        return
    try:
        outcome = _outcome(event, at=at)
    except PermanentError as error:
        # The admin shows it, and the sweep does not send it again: a person has to look.
        recording.note_failed(webhook_event_id=event.pk, outcome=f"failed: {type(error).__name__}")
        raise
    recording.mark_processed(webhook_event_id=event.pk, outcome=outcome)


def _outcome(event: WebhookEvent, *, at: dt.datetime) -> str:
    if event.type in INTENT_EVENTS or event.type in SETUP_EVENTS:
        return _process_intent_event(event, at=at)
    if event.type in DISPUTE_EVENTS:
        return process_dispute_event(object_of(event), at=at)
    if event.type in REFUND_EVENTS:
        return process_refund_event(object_of(event), at=at)
    if event.type in PAYMENT_METHOD_EVENTS:
        return process_payment_method_event(object_of(event))
    return "ignored: a type that we do not handle"


def _process_intent_event(event: WebhookEvent, *, at: dt.datetime) -> str:
    intent = object_of(event)
    charge = charge_of_intent(intent_id=intent["id"], metadata=intent.get("metadata"))
    if charge is None:
        return "ignored: not one of our payments"
    if charge.payment_intent_id not in (None, intent["id"]):
        raise StrayIntent(f"Charge {charge.pk} has the intent {charge.payment_intent_id}; {intent['id']} is another.")
    if charge.status == Charge.Status.SUCCEEDED:
        return "charge succeeded before"
    return f"charge {read_payment(charge=charge, intent_id=intent['id'], at=at).status}"
