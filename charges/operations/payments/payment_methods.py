"""The customer and the card at Stripe that a payment needs: made and attached once."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import F

from charges.models import SavedCard, StripeCustomer
from charges.operations import remote_objects
from integrations.errors import TransientError
from integrations.locks import session_lock
from integrations.stripe import customers, payment_methods
from integrations.stripe.errors import InvalidRequest
from subscriptions.models import Customer

logger = logging.getLogger(__name__)


class CustomerWasDeleted(TransientError):
    """Somebody has deleted the customer at Stripe. It is forgotten here, and the next delivery makes it anew."""


class UnusableCard(InvalidRequest):
    """Stripe does not know the card, or will not attach it: it was detached, is another customer's, or is no card."""


def ready_card(*, customer: Customer, payment_method: str, at: dt.datetime) -> tuple[str, str]:
    """Stripe's ids of the customer and of the card, attached to it. Raises ``CardDeclined``, ``UnusableCard``,
    ``CustomerWasDeleted`` and ``InvalidRequest``."""
    known = _known(customer=customer, payment_method=payment_method)
    if known is not None:
        return known
    # Two orders of one customer at once: the keys would keep the result right, but the second would meet a
    # 409.
    with session_lock(f"stripe-customer:{customer.pk}"):
        stripe_customer_id = _stripe_customer(customer=customer, at=at)
        with forgotten_if_deleted(customer=customer, stripe_customer_id=stripe_customer_id):
            card_id = _attached(
                customer=customer, stripe_customer_id=stripe_customer_id, payment_method=payment_method, at=at
            )
    return stripe_customer_id, card_id


@contextmanager
def forgotten_if_deleted(*, customer: Customer, stripe_customer_id: str) -> Iterator[None]:
    """Around a request that names the customer. Raises ``CustomerWasDeleted`` where that is what is wrong with it."""
    try:
        yield
    except InvalidRequest as error:
        if (error.code, error.param) != ("resource_missing", "customer"):
            raise
        # With the key of another account every customer is missing, and none must be forgotten.
        if not customers.is_deleted(customer_id=stripe_customer_id):
            raise
        _forget(customer=customer, stripe_customer_id=stripe_customer_id)
        raise CustomerWasDeleted(f"Stripe's customer {stripe_customer_id} was deleted; it is made anew.") from error


@transaction.atomic(durable=True)
def _forget(*, customer: Customer, stripe_customer_id: str) -> None:
    """With its cards, which went with it. Whoever comes late leaves what was made in its place."""
    anew = {"stripe_id": None, "asked_at": None, "key_number": F("key_number") + 1}
    if StripeCustomer.objects.filter(customer=customer, stripe_id=stripe_customer_id).update(**anew):
        SavedCard.objects.filter(customer=customer).update(**anew)
        logger.error("Customer %s was deleted at Stripe (%s); it is made anew.", customer.pk, stripe_customer_id)


def _known(*, customer: Customer, payment_method: str) -> tuple[str, str] | None:
    card = SavedCard.objects.filter(customer=customer, requested=payment_method).first()
    owner = StripeCustomer.objects.filter(customer=customer).first()
    if card is None or owner is None or not card.stripe_id or not owner.stripe_id:
        return None
    return owner.stripe_id, card.stripe_id


def _stripe_customer(*, customer: Customer, at: dt.datetime) -> str:
    row, _ = StripeCustomer.objects.get_or_create(customer=customer)

    def make(key: str) -> str:
        return customers.create(
            email=customer.email,
            name=customer.name,
            metadata={"customer": str(customer.pk)},
            idempotency_key=key,
        )

    # Nothing to look it up by without lag. A customer made twice does no harm: the stray one has no card.
    return remote_objects.obtain(row, find=lambda: None, make=make, at=at)


def _attached(*, customer: Customer, stripe_customer_id: str, payment_method: str, at: dt.datetime) -> str:
    row, _ = SavedCard.objects.get_or_create(customer=customer, requested=payment_method)

    def find() -> str | None:
        card = payment_methods.retrieve(payment_method_id=payment_method)
        return card.id if card.customer_id == stripe_customer_id else None

    def make(key: str) -> str:
        return payment_methods.attach(
            payment_method_id=payment_method, customer_id=stripe_customer_id, idempotency_key=key
        ).id

    try:
        return remote_objects.obtain(row, find=find, make=make, at=at)
    except InvalidRequest as error:
        if error.param == "customer":
            raise
        raise UnusableCard(str(error), code=error.code, param=error.param) from error
