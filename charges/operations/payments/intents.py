"""The one intent of a charge. It is created unconfirmed, so it moves no money until an attempt confirms it.

It is a PaymentIntent or, for the charge of 0 of a trial, a SetupIntent. Both have the same states.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from typing import Protocol

from charges.models import Charge
from charges.operations import remote_objects
from integrations.stripe import payment_intents, setup_intents
from integrations.stripe.payment_intents import ForBrowser
from integrations.stripe.results import PaymentIntent

logger = logging.getLogger(__name__)

MAX_CLOCK_DIFFERENCE = dt.timedelta(hours=1)  # between Stripe's clock and our database's


class IntentApi(Protocol):
    """The calls of Stripe about an intent, whether it pays or saves a card."""

    def confirm(self, *, payment_intent_id: str, payment_method_id: str, idempotency_key: str) -> PaymentIntent: ...

    def retrieve(self, *, payment_intent_id: str) -> PaymentIntent: ...

    def cancel(self, *, payment_intent_id: str) -> PaymentIntent: ...

    def for_browser(self, *, payment_intent_id: str) -> ForBrowser: ...

    def of_customer(self, *, customer_id: str, since: dt.datetime) -> Iterable[PaymentIntent]: ...


def api_of(charge: Charge) -> IntentApi:
    """Stripe's API for the intent of this charge."""
    return setup_intents if charge.saves_card else payment_intents


def ensure_intent(*, charge: Charge, stripe_customer_id: str, payment_method_id: str, at: dt.datetime) -> str:
    """Return the id of the charge's intent, committed before any worker confirms it. Hold the charge's session lock."""

    def find() -> PaymentIntent | None:
        return _find(charge, stripe_customer_id=stripe_customer_id)

    def create(key: str) -> PaymentIntent:
        metadata = {"charge": str(charge.pk), "order": str(charge.order_id)}
        if charge.saves_card:
            return setup_intents.create_for_customer(
                customer_id=stripe_customer_id,
                payment_method_id=payment_method_id,
                metadata=metadata,
                idempotency_key=key,
            )
        return payment_intents.create(
            amount=charge.amount,
            currency=charge.currency,
            customer_id=stripe_customer_id,
            payment_method_id=payment_method_id,
            metadata=metadata,
            idempotency_key=key,
        )

    result = remote_objects.get_or_create(charge, find=find, create=create, at=at)
    if result.duplicate is not None:  # only if our session lock was lost in between
        _cancel(charge, result.duplicate)
    return result.id


def _find(charge: Charge, *, stripe_customer_id: str) -> PaymentIntent | None:
    """The open or paid intent whose metadata names the charge. If there are several, cancel all but one."""
    listed = api_of(charge).of_customer(
        customer_id=stripe_customer_id, since=charge.created_at - MAX_CLOCK_DIFFERENCE
    )
    candidates = [
        intent
        for intent in listed
        if intent.metadata.get("charge") == str(charge.pk) and intent.status != "canceled"
    ]
    paid = [intent for intent in candidates if intent.status in ("succeeded", "processing")]
    kept = (paid or candidates)[-1:]  # Stripe lists the oldest last
    for intent in candidates:
        if intent not in kept:
            _cancel_duplicate(charge, intent)
    return kept[0] if kept else None


def _cancel_duplicate(charge: Charge, intent: PaymentIntent) -> None:
    if intent.status == "succeeded":
        logger.error("A second intent, %s, also paid charge %s.", intent.id, charge.pk)
    else:
        _cancel(charge, intent)


def _cancel(charge: Charge, intent: PaymentIntent) -> None:
    logger.error("Canceling the duplicate intent %s.", intent.id)
    api_of(charge).cancel(payment_intent_id=intent.id)
