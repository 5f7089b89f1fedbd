"""Calling off what was not paid."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from orders.events import OrderCanceled
from orders.models import AWAITING_PAYMENT, Order
from orders.operations.locks import locked_subscription_of, locked_unpaid_orders
from orders.operations.payments import owes
from subscriptions.models import Subscription
from subscriptions.operations import subscriptions


@transaction.atomic
def cancel_unpaid(*, order: Order, at: dt.datetime) -> bool:
    """The locked order is canceled, and its payment called off; False where it awaits none (any more).

    A past-due subscription that owes nothing else is active again.
    """
    if order.status not in AWAITING_PAYMENT:
        return False
    order.status = Order.Status.CANCELED
    order.canceled_at = at
    order.save(update_fields=["status", "canceled_at", "updated_at"])
    subscription = locked_subscription_of(order)
    if subscription.status == Subscription.Status.PAST_DUE and not owes(subscription=subscription):
        subscriptions.activate(subscription=subscription)
    publish(OrderCanceled(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    return True


@transaction.atomic(durable=True)
def cancel_unpaid_of(*, subscription_id: UUID, at: dt.datetime) -> int:
    """Cancel every unpaid order of a subscription that has ended, or rests unpaid; return how many there were."""
    orders = locked_unpaid_orders(subscription_id=subscription_id)
    return sum(cancel_unpaid(order=order, at=at) for order in orders)
