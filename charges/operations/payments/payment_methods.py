"""The customer and the payment method at Stripe that a payment needs, each created and attached once."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import F

from charges.models import SavedPaymentMethod, StripeCustomer
from charges.operations import remote_objects
from charges.operations.payments import cards
from integrations.errors import PermanentError, TransientError
from integrations.locks import session_lock
from integrations.stripe import customers, payment_methods, results
from integrations.stripe.errors import InvalidRequest
from subscriptions import queries as subscriptions
from subscriptions.models import Customer

logger = logging.getLogger(__name__)


class CustomerWasDeleted(TransientError):
    """Somebody deleted the customer at Stripe. We forgot its id; the next delivery creates another one."""


class CustomerIsErased(PermanentError):
    """The customer's data was erased, so nothing about the customer may be created at Stripe."""


class UnusablePaymentMethod(InvalidRequest):
    """Stripe does not know the payment method or will not attach it: it was detached, or is another customer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedPaymentMethod:
    """A payment method and the customer that it is attached to, by their ids at Stripe."""

    payment_method_id: str
    stripe_customer_id: str


def stripe_customer_lock(customer_id: UUID) -> str:
    """The name of the session lock to hold while the customer is created, changed or deleted at Stripe."""
    return f"stripe-customer:{customer_id}"


def ensure_payment_method(*, customer: Customer, payment_method: str, at: dt.datetime) -> AttachedPaymentMethod:
    """Create the customer at Stripe and attach the payment method, unless both were done before.

    Raises ``CardDeclined``, ``UnusablePaymentMethod``, ``CustomerWasDeleted``, ``CustomerIsErased`` and
    ``InvalidRequest``.
    """
    known = _known(customer=customer, payment_method=payment_method)
    if known is not None:
        return known
    # For two orders of one customer at once. The keys already prevent a second customer, but the second request would
    # get a 409.
    with session_lock(stripe_customer_lock(customer.pk)):
        if subscriptions.customer_not_erased(customer_id=customer.pk) is None:
            raise CustomerIsErased(f"The data of customer {customer.pk} was erased.")
        stripe_customer_id = _ensure_stripe_customer(customer=customer, at=at)
        with forget_if_deleted(customer=customer, stripe_customer_id=stripe_customer_id):
            payment_method_id = _attach(
                customer=customer, stripe_customer_id=stripe_customer_id, payment_method=payment_method, at=at
            )
    return AttachedPaymentMethod(payment_method_id=payment_method_id, stripe_customer_id=stripe_customer_id)


def update_stripe_customer(*, customer_id: UUID) -> None:
    """Give the customer at Stripe our current address and name. Without a customer there, nothing is to do. The same
    holds if the customer's data was erased.

    One update runs at a time, and reads our row after it got the lock. So the newest data arrives last, in any order of
    the messages. If the customer was deleted at Stripe, forget its id: the next payment creates another one. Raises
    ``CustomerNotFound``, ``Busy`` and the errors of Stripe.
    """
    with session_lock(stripe_customer_lock(customer_id)):
        customer = subscriptions.customer_not_erased(customer_id=customer_id)
        if customer is None:
            return
        known = StripeCustomer.objects.filter(customer=customer, stripe_id__isnull=False).first()
        if known is None or known.stripe_id is None:
            return
        try:
            customers.update(customer_id=known.stripe_id, email=customer.email, name=customer.name)
        except InvalidRequest as error:
            if error.code != "resource_missing" or not customers.is_deleted(customer_id=known.stripe_id):
                raise
            _forget(customer=customer, stripe_customer_id=known.stripe_id)


@contextmanager
def forget_if_deleted(*, customer: Customer, stripe_customer_id: str) -> Iterator[None]:
    """Wrap a request that names the customer. If the customer was deleted at Stripe, forget its id and raise
    ``CustomerWasDeleted``."""
    try:
        yield
    except InvalidRequest as error:
        if (error.code, error.param) != ("resource_missing", "customer"):
            raise
        # With the key of another account every customer is missing. Forget only a customer that Stripe calls deleted.
        if not customers.is_deleted(customer_id=stripe_customer_id):
            raise
        _forget(customer=customer, stripe_customer_id=stripe_customer_id)
        raise CustomerWasDeleted(f"The customer {stripe_customer_id} was deleted at Stripe.") from error


@transaction.atomic(durable=True)
def _forget(*, customer: Customer, stripe_customer_id: str) -> None:
    """Forget the customer's id and those of its payment methods, which Stripe deleted with it.

    A late caller changes nothing: by then the row holds the id of the new customer.
    """
    forgotten = {"stripe_id": None, "creation_requested_at": None, "key_version": F("key_version") + 1}
    if StripeCustomer.objects.filter(customer=customer, stripe_id=stripe_customer_id).update(**forgotten):
        SavedPaymentMethod.objects.filter(customer=customer).update(**forgotten)
        logger.error(
            "Customer %s was deleted at Stripe (%s). The next delivery creates another one.",
            customer.pk,
            stripe_customer_id,
        )


def _known(*, customer: Customer, payment_method: str) -> AttachedPaymentMethod | None:
    saved = SavedPaymentMethod.objects.filter(customer=customer, payment_method_id=payment_method).first()
    owner = StripeCustomer.objects.filter(customer=customer).first()
    if saved is None or owner is None or not saved.stripe_id or not owner.stripe_id:
        return None
    return AttachedPaymentMethod(payment_method_id=saved.stripe_id, stripe_customer_id=owner.stripe_id)


def _ensure_stripe_customer(*, customer: Customer, at: dt.datetime) -> str:
    row, _ = StripeCustomer.objects.get_or_create(customer=customer)

    def create(key: str) -> results.Customer:
        return customers.create(
            email=customer.email,
            name=customer.name,
            metadata={"customer": str(customer.pk)},
            idempotency_key=key,
        )

    # Stripe's search lags, so there is no way to find the customer. A duplicate does no harm: it has no card.
    return remote_objects.get_or_create(row, find=lambda: None, create=create, at=at).id


def _attach(*, customer: Customer, stripe_customer_id: str, payment_method: str, at: dt.datetime) -> str:
    row, _ = SavedPaymentMethod.objects.get_or_create(customer=customer, payment_method_id=payment_method)

    def find() -> results.PaymentMethod | None:
        found = payment_methods.retrieve(payment_method_id=payment_method)
        return found if found.customer_id == stripe_customer_id else None

    def create(key: str) -> results.PaymentMethod:
        return payment_methods.attach(
            payment_method_id=payment_method, customer_id=stripe_customer_id, idempotency_key=key
        )

    try:
        attached = remote_objects.get_or_create(row, find=find, create=create, at=at)
    except InvalidRequest as error:
        if error.param == "customer":
            raise
        raise UnusablePaymentMethod(str(error), code=error.code, param=error.param) from error
    if attached.object is not None:
        cards.store_card(saved_payment_method_id=row.pk, card=attached.object)
    return attached.id
