"""Apply the outcome of a payment to its order. Charges calls these functions in its own transactions.

The caller has locked the order (``orders.operations.locks``).
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from integrations.outbox.events import publish
from orders.events import OrderPaid
from orders.models import AWAITING_PAYMENT, PAID, Order
from orders.operations.locks import locked_subscription_of
from orders.operations.paid_changes import apply_change, can_be_applied
from subscriptions import actors
from subscriptions.models import Subscription
from subscriptions.operations import subscriptions, trials

ACTOR = actors.system("orders.payments")


def is_payable(*, order: Order) -> bool:
    """Whether the order awaits payment and its subscription has not ended.

    The order of a change is payable only while the change can be applied.
    """
    if order.status not in AWAITING_PAYMENT or order.subscription.status == Subscription.Status.CANCELED:
        return False
    return order.kind != Order.Kind.CHANGE or can_be_applied(order=order)


def is_trial(*, order: Order) -> bool:
    """Whether the order begins a trial: nothing is charged, and the card is saved for the first charge."""
    return order.kind == Order.Kind.FIRST and order.amount == 0


def is_collection_paused(*, order: Order) -> bool:
    """Whether the shop must not collect this order's payment now, because its subscription is paused.

    The customer can still pay the order.
    """
    return order.subscription.status == Subscription.Status.PAUSED


def is_reinstatement(*, order: Order) -> bool:
    """Whether the order's payment reinstates its subscription: only then is a renewal's subscription incomplete."""
    is_renewal = order.kind == Order.Kind.RENEWAL
    return is_renewal and order.subscription.status == Subscription.Status.INCOMPLETE


def has_overdue_orders(*, subscription: Subscription) -> bool:
    """Whether the payment of one of the subscription's periods failed and is still awaited.

    An unpaid change is not overdue: it is dropped.
    """
    failed = (Order.Status.PAYMENT_FAILED, Order.Status.REQUIRES_ACTION)
    orders = Order.objects.filter(subscription=subscription, status__in=failed)
    return orders.exclude(kind=Order.Kind.CHANGE).exists()


@transaction.atomic
def mark_paid(*, order: Order, at: dt.datetime) -> bool:
    """Mark the order as paid, activate its subscription if nothing else is overdue, and publish ``OrderPaid``.

    The order of a change applies the change instead, and a first order of 0 begins the trial of its subscription.
    Returns False and changes nothing if the order does not await payment, if its subscription has ended, or if its
    change cannot be applied any more.
    """
    if order.status not in AWAITING_PAYMENT:
        return False
    # The subscription may have been canceled since the caller asked whether the order is payable.
    if locked_subscription_of(order).status == Subscription.Status.CANCELED:
        return False
    if order.kind == Order.Kind.CHANGE and not apply_change(order=order, at=at):
        return False
    order.status = Order.Status.PAID
    order.paid_at = at
    order.save(update_fields=["status", "paid_at", "updated_at"])
    if order.kind != Order.Kind.CHANGE:
        _activate_subscription(order, at=at)
    publish(OrderPaid(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    return True


def _activate_subscription(order: Order, *, at: dt.datetime) -> None:
    status = locked_subscription_of(order).status
    if is_trial(order=order):
        trials.begin_trial(subscription=order.subscription, actor=ACTOR, at=at)
    elif status == Subscription.Status.INCOMPLETE or not has_overdue_orders(subscription=order.subscription):
        subscriptions.activate(subscription=order.subscription, actor=ACTOR, at=at)


@transaction.atomic
def mark_payment_failed(*, order: Order) -> bool:
    """The payment was declined. Returns False if the order does not await payment or has this status already."""
    return _move(order, Order.Status.PAYMENT_FAILED)


@transaction.atomic
def mark_requires_action(*, order: Order) -> bool:
    """The customer must authenticate the payment. Returns False if the order does not await payment or has this
    status already."""
    return _move(order, Order.Status.REQUIRES_ACTION)


@transaction.atomic
def mark_pending(*, order: Order) -> bool:
    """A new payment attempt begins. Returns False if the order does not await payment or has this status already."""
    return _move(order, Order.Status.PENDING_PAYMENT)


def set_refunded_amount(*, order: Order, amount: int) -> None:
    """``amount`` minor units of the order are refunded in total, or are being refunded."""
    order.amount_refunded = amount
    order.save(update_fields=["amount_refunded", "updated_at"])


def set_charged_back_amount(*, order: Order, amount: int) -> None:
    """The bank has taken back ``amount`` minor units of the order, because the customer disputes its payment."""
    order.amount_charged_back = min(amount, order.amount)
    order.save(update_fields=["amount_charged_back", "updated_at"])


def mark_refunded(*, order: Order, refunded: int) -> bool:
    """Set the order's status after ``refunded`` minor units in total were refunded.

    If every refund of the order failed, ``refunded`` is 0 and the order gets back the status that it had before.
    Returns False if the order was never paid or its status does not change.
    """
    status = _status_after_refunds(order, refunded)
    if order.status not in PAID or order.status == status:
        return False
    order.status = status
    order.save(update_fields=["status", "updated_at"])
    return True


def _status_after_refunds(order: Order, refunded: int) -> Order.Status:
    if refunded >= order.amount:
        return Order.Status.REFUNDED
    if refunded > 0:
        return Order.Status.PARTIALLY_REFUNDED
    return Order.Status.PAID if order.fulfilled_at is None else Order.Status.FULFILLED


def _move(order: Order, status: Order.Status) -> bool:
    if order.status not in AWAITING_PAYMENT or order.status == status:
        return False
    order.status = status
    order.save(update_fields=["status", "updated_at"])
    return True
