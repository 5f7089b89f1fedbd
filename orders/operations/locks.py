"""Every row lock of orders, and the order in which rows are locked.

A transaction takes its locks in this order, and skips what it does not need:

1. the customer, for what must not happen during an erasure;
2. orders (several of them by primary key);
3. rows of higher apps that belong to an order, such as its charge;
4. the order's subscription, last.

Two transactions that follow this order cannot deadlock. No other module of this app calls ``select_for_update``, and
higher apps lock orders only by these functions.
"""

from __future__ import annotations

from uuid import UUID

from orders.models import AWAITING_PAYMENT, Order
from orders.queries import OrderNotFound
from subscriptions.models import Subscription
from subscriptions.operations import locks as subscription_locks


def locked_order(*, order_id: UUID) -> Order:
    """The order, locked until the transaction ends. Raises ``OrderNotFound``."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound(f"There is no order {order_id}.")
    return order


def locked_unpaid_orders(*, subscription_id: UUID) -> list[Order]:
    """The subscription's orders that await payment, locked by primary key. May be empty."""
    unpaid = Order.objects.filter(subscription_id=subscription_id, status__in=AWAITING_PAYMENT)
    return list(unpaid.select_for_update().order_by("pk"))


def locked_orders_of(*, customer_id: UUID, after: UUID | None, batch: int) -> list[Order]:
    """The customer's next orders after this id, locked by primary key, at most ``batch``."""
    orders = Order.objects.filter(customer_id=customer_id)
    if after is not None:
        orders = orders.filter(pk__gt=after)
    return list(orders.select_for_update().order_by("pk")[:batch])


def locked_subscription_of(order: Order) -> Subscription:
    """The subscription of the locked order, locked after everything else.

    Lock it before reading its other orders, so that two concurrent transactions cannot miss each other's changes.
    """
    return subscription_locks.locked_subscription(subscription_id=order.subscription_id)
