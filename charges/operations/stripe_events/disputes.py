"""Process Stripe's events about disputes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from charges.models import Charge
from charges.operations.disputes import following
from charges.operations.payments.reading import read_payment
from charges.operations.stripe_events.objects import charge_of_intent
from integrations.errors import TransientError
from integrations.stripe import payment_intents


class DisputedBeforePaid(TransientError):
    """A payment is disputed that Stripe does not show as succeeded. One of the two is late; retry later."""


def process_dispute_event(obj: Mapping[str, Any], *, at: dt.datetime) -> str:
    """Process the dispute in an event; see ``follow_dispute``."""
    return follow_dispute(
        dispute_id=obj["id"],
        payment_intent_id=_text(obj.get("payment_intent")),
        stripe_charge_id=_text(obj.get("charge")),
        at=at,
    )


def follow_dispute(*, dispute_id: str, payment_intent_id: str, stripe_charge_id: str, at: dt.datetime) -> str:
    """Follow a dispute about this payment. Return the outcome for the inbox. Events may repeat and come in any order.

    Raises ``ChargeNotHereYet``, ``DisputedBeforePaid``, ``DisputeDiffers``, and what settlement and the gateway raise.
    """
    charge = _charge(payment_intent_id, stripe_charge_id)
    if charge is None:
        return "ignored: not about one of our payments"
    if charge.status != Charge.Status.SUCCEEDED:
        # The payment's own event or message has not arrived yet.
        charge = read_payment(charge=charge, intent_id=payment_intent_id, at=at)
    if charge.status != Charge.Status.SUCCEEDED:
        raise DisputedBeforePaid(f"Charge {charge.pk} is {charge.status}, and {dispute_id} disputes it.")
    return f"dispute {following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=at).status}"


def _charge(payment_intent_id: str, stripe_charge_id: str) -> Charge | None:
    if not payment_intent_id:
        paid = Charge.objects.filter(status=Charge.Status.SUCCEEDED).exclude(stripe_charge_id="")
        return paid.filter(stripe_charge_id=stripe_charge_id).first()
    known = Charge.objects.filter(payment_intent_id=payment_intent_id).first()
    if known is not None:
        return known
    # Only the metadata of the payment says whether it is ours, and a dispute does not contain it.
    intent = payment_intents.retrieve(payment_intent_id=payment_intent_id)
    return charge_of_intent(intent_id=intent.id, metadata=intent.metadata)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
