"""The one PaymentIntent of a charge, created unconfirmed: it moves no money until an attempt confirms it."""

from __future__ import annotations

import datetime as dt
import logging

from charges.models import Charge
from charges.operations import remote_objects
from integrations.stripe import payment_intents
from integrations.stripe.results import PaymentIntent

logger = logging.getLogger(__name__)

CLOCKS_DIFFER = dt.timedelta(hours=1)  # at most, Stripe's from our database's


def ready_intent(*, charge: Charge, stripe_customer_id: str, card_id: str, at: dt.datetime) -> str:
    """The id of the charge's intent, committed before anybody may confirm it. Call it under the charge's
    lock."""
    made: list[str] = []

    def find() -> str | None:
        return _intent_of(charge, stripe_customer_id=stripe_customer_id)

    def make(key: str) -> str:
        intent = payment_intents.create(
            amount=charge.amount,
            currency=charge.currency,
            customer_id=stripe_customer_id,
            payment_method_id=card_id,
            metadata={"charge": str(charge.pk), "order": str(charge.order_id)},
            idempotency_key=key,
        )
        made.append(intent.id)
        return intent.id

    counts = remote_objects.obtain(charge, find=find, make=make, at=at)
    for intent_id in made:
        if intent_id != counts:  # only if the lock was lost: somebody else's intent was committed first
            _close(intent_id)
    return counts


def _intent_of(charge: Charge, *, stripe_customer_id: str) -> str | None:
    """The open or paid intent that carries the charge's id. There should be one; any other is closed."""
    ours = [
        intent
        for intent in payment_intents.of_customer(
            customer_id=stripe_customer_id, since=charge.created_at - CLOCKS_DIFFER
        )
        if intent.metadata.get("charge") == str(charge.pk) and intent.status != "canceled"
    ]
    paid = [intent for intent in ours if intent.status in ("succeeded", "processing")]
    keeper = (paid or ours)[-1:]  # the oldest
    for intent in ours:
        if intent not in keeper:
            _close_stray(intent)
    return keeper[0].id if keeper else None


def _close_stray(intent: PaymentIntent) -> None:
    if intent.status == "succeeded":
        logger.error("Charge %s was paid by a second intent, %s.", intent.metadata.get("charge"), intent.id)
        return
    _close(intent.id)


def _close(intent_id: str) -> None:
    logger.error("Closing the stray intent %s.", intent_id)
    payment_intents.cancel(payment_intent_id=intent_id)
