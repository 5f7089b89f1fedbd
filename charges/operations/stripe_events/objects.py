"""Find the object of a Stripe event, and its charge. Use the object's id only; read its state at Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from charges.models import Charge
from integrations.errors import MalformedMessage, TransientError
from integrations.inbox.models import WebhookEvent


class ChargeNotHereYet(TransientError):
    """The event names one of our charges, and we do not find it. It may come too early; retry later."""


def object_of(event: WebhookEvent) -> Mapping[str, Any]:
    """The object in the event. Raises ``MalformedMessage`` if there is no object or it has no id."""
    try:
        found = event.payload["data"]["object"]
        if isinstance(found["id"], str):
            return dict(found)
    except (KeyError, TypeError):
        pass
    raise MalformedMessage(f"Event {event.event_id} holds no object with an id.")


def charge_of_intent(*, intent_id: str, metadata: object) -> Charge | None:
    """The charge of an intent, or None if the shop did not create the intent. Raises ``ChargeNotHereYet``."""
    known = Charge.objects.filter(payment_intent_id=intent_id).first()
    if known is not None:
        return known
    try:
        charge_id = UUID(metadata["charge"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    charge = Charge.objects.filter(pk=charge_id).first()
    if charge is None:
        raise ChargeNotHereYet(f"Intent {intent_id} belongs to a charge {charge_id} that is not here.")
    return charge
