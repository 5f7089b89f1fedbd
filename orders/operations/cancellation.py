"""Cancel unpaid orders."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from orders.events import OrderCanceled
from orders.models import AWAITING_PAYMENT, Order
from orders.operations import balances
from orders.operations.locks import locked_subscription_of, locked_unpaid_orders
from orders.operations.paid_changes import drop_change
from orders.operations.payments import has_overdue_orders
from subscriptions import actors
from subscriptions.models import Subscription
from subscriptions.operations import subscriptions

ACTOR = actors.system("orders.cancellation")


@transaction.atomic
def cancel_unpaid(*, order: Order, at: dt.datetime) -> bool:
    """Cancel the locked order and publish ``OrderCanceled``, so that its payment is canceled too.

    What the order changed of the subscription's balance is given back, and the change that it was to pay is dropped. If
    the subscription is past due and no other order is overdue, the subscription becomes active. Returns False and
    changes nothing if the order does not await payment.
    """
    if order.status not in AWAITING_PAYMENT:
        return False
    order.status = Order.Status.CANCELED
    order.canceled_at = at
    order.save(update_fields=["status", "canceled_at", "updated_at"])
    subscription = locked_subscription_of(order)
    balances.give_back(order=order, actor=ACTOR, at=at)
    if order.kind == Order.Kind.CHANGE:
        drop_change(order=order, actor=ACTOR, at=at)
    if subscription.status == Subscription.Status.PAST_DUE and not has_overdue_orders(subscription=subscription):
        subscriptions.activate(subscription=subscription, actor=ACTOR, at=at)
    publish(OrderCanceled(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    return True


@transaction.atomic(durable=True)
def cancel_unpaid_of_ended(*, subscription_id: UUID, at: dt.datetime) -> int:
    """Cancel every unpaid order of a subscription that has ended; return their number.

    Does nothing if the subscription was reinstated meanwhile: its unpaid order is the one of the new period.
    """
    orders = locked_unpaid_orders(subscription_id=subscription_id)
    # Read the status after the orders: if the order of a reinstatement is among them, its status is visible, too.
    if Subscription.objects.get(pk=subscription_id).status != Subscription.Status.CANCELED:
        return 0
    return sum(cancel_unpaid(order=order, at=at) for order in orders)


@transaction.atomic
def cancel_unpaid_of_closed_changes(*, subscription_id: UUID, at: dt.datetime) -> int:
    """Cancel the subscription's unpaid orders whose change was closed; return their number."""
    orders = locked_unpaid_orders(subscription_id=subscription_id)
    closed = [order for order in orders if order.pending_change is not None and order.pending_change.closed_at]
    return sum(cancel_unpaid(order=order, at=at) for order in closed)


@transaction.atomic(durable=True)
def cancel_unpaid_of(*, subscription_id: UUID, at: dt.datetime) -> int:
    """Cancel every unpaid order of a subscription; return their number."""
    orders = locked_unpaid_orders(subscription_id=subscription_id)
    return sum(cancel_unpaid(order=order, at=at) for order in orders)
