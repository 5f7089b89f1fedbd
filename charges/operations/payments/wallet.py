"""The payment methods that a logged-in customer adds, prefers and removes.

A payment method of a checkout without login serves only that checkout's subscription, because a typed address does not
prove who the buyer is. It is not offered here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from charges import queries
from charges.events import PaymentMethodAdded, PaymentMethodRemoved
from charges.models import SavedPaymentMethod
from charges.operations.payments import cards
from charges.operations.payments.payment_methods import CustomerIsErased, UnusablePaymentMethod, ensure_payment_method
from integrations.outbox.events import publish
from integrations.stripe import payment_methods
from integrations.stripe.errors import CardDeclined, InvalidRequest
from subscriptions import actors
from subscriptions.models import Subscription
from subscriptions.operations.locks import locked_customer
from subscriptions.operations.subscriptions import set_payment_method
from subscriptions.queries import subscriptions_of


class PaymentMethodNotFound(Exception):
    """The customer has added no such payment method, or has removed it."""


class PaymentMethodWasRemoved(Exception):
    """The payment method was removed. Stripe does not accept it again; the customer must enter the card again."""


class NotReady(Exception):
    """Stripe has not attached the payment method yet, or rejected it."""


class InUse(Exception):
    """A subscription or an unpaid order uses the payment method, or it is the last one while an order is unpaid."""


@transaction.atomic
def add(*, customer_id: UUID, payment_method: str, at: dt.datetime) -> SavedPaymentMethod:
    """Offer this payment method for the customer's payments from now on. A task attaches it at Stripe.

    Adding it again changes nothing. Raises ``CustomerNotFound`` and ``PaymentMethodWasRemoved``.
    """
    customer = locked_customer(customer_id=customer_id)
    saved, _ = SavedPaymentMethod.objects.get_or_create(customer=customer, payment_method_id=payment_method)
    if saved.removed_at is not None:
        raise PaymentMethodWasRemoved("This payment method was removed.")
    if saved.added_at is None:
        saved.added_at = at
        saved.save(update_fields=["added_at"])
        publish(PaymentMethodAdded(saved_payment_method_id=saved.pk, customer_id=customer.pk))
    return saved


def attach(*, saved_payment_method_id: UUID, at: dt.datetime) -> None:
    """Attach it to the customer at Stripe, and store what the customer recognizes it by.

    A rejection by Stripe is stored and not raised: the customer sees it and enters another card.
    """
    saved = SavedPaymentMethod.objects.select_related("customer").get(pk=saved_payment_method_id)
    if saved.removed_at is not None:
        return
    try:
        attached = ensure_payment_method(customer=saved.customer, payment_method=saved.payment_method_id, at=at)
    except CardDeclined as declined:
        _save(saved, failure_code=declined.decline.decline_code or declined.decline.code or "declined")
        return
    except CustomerIsErased:
        return
    except UnusablePaymentMethod as error:
        _save(saved, failure_code=error.code or "unusable")
        return
    cards.read_card(saved_payment_method_id=saved.pk, stripe_id=attached.payment_method_id)
    if SavedPaymentMethod.objects.filter(pk=saved.pk, removed_at__isnull=False).exists():
        detach(saved_payment_method_id=saved.pk)  # the customer removed it meanwhile


def make_default(
    *, customer_id: UUID, saved_payment_method_id: UUID, subscription_ids: Collection[UUID] | None, at: dt.datetime
) -> SavedPaymentMethod:
    """Charge later orders of these subscriptions to it; None means all that have not ended. A subscription that has
    ended can be named, so that a reinstatement charges it.

    Unpaid orders keep their payment method: the customer pays them at their payment page. Subscriptions of other
    customers are left out. Raises ``PaymentMethodNotFound`` and ``NotReady``.
    """
    saved = _choose(customer_id, saved_payment_method_id)
    chosen = subscriptions_of(customer_id=customer_id)
    if subscription_ids is None:
        chosen = chosen.exclude(status=Subscription.Status.CANCELED)
    else:
        chosen = chosen.filter(pk__in=subscription_ids)
    for subscription in chosen.exclude(payment_method=saved.payment_method_id).order_by("pk"):
        # One transaction for each, because a transaction locks one subscription only.
        set_payment_method(
            subscription=subscription,
            payment_method=saved.payment_method_id,
            actor=actors.customer(customer_id),
            at=at,
        )
    return saved


@transaction.atomic
def remove(*, customer_id: UUID, saved_payment_method_id: UUID, at: dt.datetime) -> None:
    """Do not offer it any more. A task detaches it at Stripe. Raises ``PaymentMethodNotFound`` and ``InUse``."""
    saved = _own(customer_id, saved_payment_method_id)
    if queries.is_payment_method_in_use(saved=saved):
        raise InUse("A subscription or an unpaid order uses this payment method. Make another one the default first.")
    others = queries.payment_methods_of(customer_id=customer_id).exclude(pk=saved.pk).exclude(brand="")
    if queries.has_unpaid_order(customer_id=customer_id) and not others.exists():
        raise InUse("This is the last payment method, and an order is unpaid.")
    saved.removed_at, saved.is_default = at, False
    saved.save(update_fields=["removed_at", "is_default"])
    publish(PaymentMethodRemoved(saved_payment_method_id=saved.pk, customer_id=customer_id))


def detach(*, saved_payment_method_id: UUID) -> None:
    """Detach it at Stripe. If it is not attached any more, nothing is left to do."""
    saved = SavedPaymentMethod.objects.get(pk=saved_payment_method_id)
    if saved.stripe_id is None:
        return
    try:
        payment_methods.detach(payment_method_id=saved.stripe_id)
    except InvalidRequest:
        if payment_methods.retrieve(payment_method_id=saved.stripe_id).customer_id:
            raise


@transaction.atomic
def _choose(customer_id: UUID, saved_payment_method_id: UUID) -> SavedPaymentMethod:
    saved = _own(customer_id, saved_payment_method_id)
    if not saved.brand or saved.failure_code:
        raise NotReady("Stripe has not accepted this payment method.")
    SavedPaymentMethod.objects.filter(customer=customer_id, is_default=True).exclude(pk=saved.pk).update(
        is_default=False
    )
    saved.is_default = True
    saved.save(update_fields=["is_default"])
    return saved


def _own(customer_id: UUID, saved_payment_method_id: UUID) -> SavedPaymentMethod:
    """The customer's payment method. The customer is locked, so that its payment methods change one at a time."""
    locked_customer(customer_id=customer_id)
    saved = queries.payment_methods_of(customer_id=customer_id).filter(pk=saved_payment_method_id).first()
    if saved is None:
        raise PaymentMethodNotFound("There is no such payment method.")
    return saved


def _save(saved: SavedPaymentMethod, **fields: object) -> None:
    SavedPaymentMethod.objects.filter(pk=saved.pk).update(**fields)
