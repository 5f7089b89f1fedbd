"""What the outcome of a payment makes of an order; charges calls these inside its settlement."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from integrations.outbox.events import publish
from orders.events import OrderPaid
from orders.models import AWAITING_PAYMENT, PAID, Order
from orders.operations.locks import locked_subscription_of
from subscriptions.models import Subscription
from subscriptions.operations import subscriptions


def is_wanted(*, order: Order) -> bool:
    """Whether the order's payment is wanted: it awaits one, and its subscription has not ended."""
    return order.status in AWAITING_PAYMENT and order.subscription.status != Subscription.Status.CANCELED


def is_put_off(*, order: Order) -> bool:
    """Whether nobody but the customer may have the order paid now: its subscription is paused, over a dispute say."""
    return order.subscription.status == Subscription.Status.PAUSED


def owes(*, subscription: Subscription) -> bool:
    """Whether a period of the subscription has failed to be paid, and awaits it still."""
    failed = (Order.Status.PAYMENT_FAILED, Order.Status.REQUIRES_ACTION)
    return Order.objects.filter(subscription=subscription, status__in=failed).exists()


@transaction.atomic
def mark_paid(*, order: Order, at: dt.datetime) -> bool:
    """The order is paid, its subscription active, and everybody hears of it; False when it was paid before."""
    if order.status not in AWAITING_PAYMENT:
        return False
    order.status = Order.Status.PAID
    order.paid_at = at
    order.save(update_fields=["status", "paid_at", "updated_at"])
    status = locked_subscription_of(order).status
    if status == Subscription.Status.INCOMPLETE or not owes(subscription=order.subscription):
        subscriptions.activate(subscription=order.subscription)
    publish(OrderPaid(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    return True


@transaction.atomic
def mark_payment_failed(*, order: Order) -> bool:
    """The payment was declined; False when the order no longer waits for one."""
    return _move(order, Order.Status.PAYMENT_FAILED)


@transaction.atomic
def mark_requires_action(*, order: Order) -> bool:
    """The customer has to authenticate the payment; False when the order no longer waits for one."""
    return _move(order, Order.Status.REQUIRES_ACTION)


@transaction.atomic
def mark_pending(*, order: Order) -> bool:
    """The customer pays anew; False when the order no longer waits for that, or does so already."""
    return _move(order, Order.Status.PENDING_PAYMENT)


def mark_refunded(*, order: Order, refunded: int) -> bool:
    """The order's state after ``refunded`` minor units in all went back: all of it, a part, or (a refund came back)
    none any more, which makes it what it was before. False where that changes nothing."""
    status = _after_refunds(order, refunded)
    if order.status not in PAID or order.status == status:
        return False
    order.status = status
    order.save(update_fields=["status", "updated_at"])
    return True


def _after_refunds(order: Order, refunded: int) -> Order.Status:
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
