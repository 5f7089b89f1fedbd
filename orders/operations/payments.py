"""What the outcome of a payment makes of an order; charges calls these inside its settlement."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from orders.events import OrderPaid
from orders.models import Order
from subscriptions.operations import subscriptions

AWAITING_PAYMENT = (Order.Status.PENDING_PAYMENT, Order.Status.REQUIRES_ACTION, Order.Status.PAYMENT_FAILED)


def locked_order(*, order_id: UUID) -> Order:
    """The order, locked until the transaction ends. Raises ``Order.DoesNotExist``."""
    return Order.objects.select_for_update().get(pk=order_id)


@transaction.atomic
def mark_paid(*, order: Order, at: dt.datetime) -> bool:
    """The order is paid, its subscription active, and everybody hears of it; False when it was paid before."""
    if order.status not in AWAITING_PAYMENT:
        return False
    order.status = Order.Status.PAID
    order.paid_at = at
    order.save(update_fields=["status", "paid_at", "updated_at"])
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


def _move(order: Order, status: Order.Status) -> bool:
    if order.status not in AWAITING_PAYMENT or order.status == status:
        return False
    order.status = status
    order.save(update_fields=["status", "updated_at"])
    return True
