"""Process Stripe's events about refunds: our own and the dashboard's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from charges.models import Charge, Refund
from charges.operations import locks
from charges.operations.payments.reading import read_payment
from charges.operations.refunds import settlement as refund_settlement
from charges.operations.stripe_events.objects import ChargeNotHereYet, charge_of_intent
from integrations.locks import session_lock
from integrations.stripe import payment_intents, refunds

NOT_OURS = "ignored: not a refund of one of our payments"
ANOTHER_PAYMENT = "ignored: a refund of another intent than the charge's own"


def process_refund_event(hint: Mapping[str, Any], *, at: dt.datetime) -> str:
    """Read the refund of an event and settle it. Return the outcome for the inbox.

    Raises ``ChargeNotHereYet``, and what settlement and the gateway raise.
    """
    intent_id = hint.get("payment_intent")
    if not isinstance(intent_id, str) or not intent_id:
        return NOT_OURS
    charge = _charge_of(intent_id)
    if charge is None:
        return NOT_OURS
    if charge.payment_intent_id not in (None, intent_id):
        return ANOTHER_PAYMENT
    known = Refund.objects.filter(stripe_id=hint["id"]).first()
    if known is not None and known.status in (Refund.Status.FAILED, Refund.Status.CANCELED):
        return f"refund {known.status} before"
    _settle_payment(charge, intent_id, at=at)
    return f"refund {_read_refund(charge, hint['id'], at=at).status}"


def _charge_of(intent_id: str) -> Charge | None:
    charge = Charge.objects.filter(payment_intent_id=intent_id).first()
    if charge is not None:
        return charge
    # The worker may not have saved the intent's id yet. The metadata of the intent names the charge.
    intent = payment_intents.retrieve(payment_intent_id=intent_id)
    return charge_of_intent(intent_id=intent_id, metadata=intent.metadata)


def _settle_payment(charge: Charge, intent_id: str, *, at: dt.datetime) -> None:
    """Settle the payment first, if its own event has not arrived yet."""
    if charge.status == Charge.Status.SUCCEEDED:
        return
    if read_payment(charge=charge, intent_id=intent_id, at=at).status != Charge.Status.SUCCEEDED:
        raise ChargeNotHereYet(f"Charge {charge.pk} is refunded, but Stripe does not show it as paid.")


def _read_refund(charge: Charge, refund_id: str, *, at: dt.datetime) -> Refund:
    with session_lock(locks.charge_lock(charge.pk)):
        # Read under the lock, so that a later reading is also settled later.
        stripe = refunds.retrieve(refund_id=refund_id)
        return refund_settlement.settle_from_stripe(charge_id=charge.pk, stripe=stripe, at=at)
