"""What a Stripe event makes of a charge. Its payload is a hint: the intent is read again, and believed."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from charges.models import Charge
from charges.operations import counterparts, settlement
from charges.operations.capture import charge_lock
from integrations.errors import MalformedMessage, PermanentError, TransientError
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.locks import session_lock
from integrations.stripe import payment_intents
from integrations.stripe.event_types import INTENT_EVENTS

logger = logging.getLogger(__name__)


class NoSuchEvent(PermanentError):
    """The inbox holds no event of this id."""


class ChargeNotHereYet(TransientError):
    """The event is about a charge of ours that we do not find. It may be too early; it comes back."""


class StrayIntent(PermanentError):
    """The event is about a second intent for one of our charges. That must not be: somebody has to look."""


def process_stripe_event(*, webhook_event_id: UUID, at: dt.datetime) -> None:
    """Deal with a stored event, in whatever order and however often it comes.

    Raises ``NoSuchEvent``, ``ChargeNotHereYet``, ``StrayIntent``, and what settlement and the gateway raise.
    """
    event = WebhookEvent.objects.filter(pk=webhook_event_id, provider=WebhookEvent.Provider.STRIPE).first()
    if event is None:
        raise NoSuchEvent(f"There is no stored Stripe event {webhook_event_id}.")
    if event.processed_at is not None:
        logger.info("Event %s was dealt with before.", event.event_id)
        return
    outcome = _about_intent(event, at=at) if event.type in INTENT_EVENTS else "ignored: a type that we do not handle"
    recording.mark_processed(webhook_event_id=event.pk, outcome=outcome)


def _about_intent(event: WebhookEvent, *, at: dt.datetime) -> str:
    intent = _object(event)
    charge = _charge(intent)
    if charge is None:
        return "ignored: not one of our payments"
    if charge.payment_intent_id not in (None, intent["id"]):
        raise StrayIntent(f"Charge {charge.pk} has the intent {charge.payment_intent_id}; {intent['id']} is another.")
    if charge.status == Charge.Status.SUCCEEDED:
        return "charge succeeded before"
    return f"charge {_settled(charge, intent_id=intent['id'], at=at).status}"


def _object(event: WebhookEvent) -> Mapping[str, Any]:
    try:
        found = event.payload["data"]["object"]
        if isinstance(found["id"], str):
            return dict(found)
    except (KeyError, TypeError):
        pass
    raise MalformedMessage(f"Event {event.event_id} holds no object with an id.")


def _charge(intent: Mapping[str, Any]) -> Charge | None:
    """The charge that an intent belongs to; None where it is not one of ours. Raises ``ChargeNotHereYet``."""
    known = Charge.objects.filter(payment_intent_id=intent["id"]).first()
    if known is not None:
        return known
    metadata = intent.get("metadata")
    try:
        charge_id = UUID(metadata["charge"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    charge = Charge.objects.filter(pk=charge_id).first()
    if charge is None:
        raise ChargeNotHereYet(f"Intent {intent['id']} belongs to a charge {charge_id} that is not here.")
    return charge


def _settled(charge: Charge, *, intent_id: str, at: dt.datetime) -> Charge:
    with session_lock(charge_lock(charge.pk)):
        # Read under the lock: what is read later is settled later, and never the other way round.
        intent = payment_intents.retrieve(payment_intent_id=intent_id)
        if intent.metadata.get("charge") == str(charge.pk):
            # Capture may have died between the intent's creation and the commit of its id.
            charge.refresh_from_db()
            counterparts.keep(charge, intent.id)
        return settlement.settle(charge_id=charge.pk, intent=intent, at=at)
