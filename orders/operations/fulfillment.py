"""Start the fulfillment of paid orders."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from orders.models import Order
from orders.operations.locks import locked_order

TO_FULFILL = (Order.Status.PAID, Order.Status.PARTIALLY_REFUNDED)


@transaction.atomic(durable=True)
def start_fulfillment(*, order_id: UUID, at: dt.datetime) -> bool:
    """Start the fulfillment of a paid order. A digital order is fulfilled at once; a shipped order stays to be shipped.

    A partially refunded order is still fulfilled, and keeps its status. Returns False and changes nothing if
    fulfillment has started before or the order is not paid (any more). Raises ``OrderNotFound``.
    """
    order = locked_order(order_id=order_id)
    if order.status not in TO_FULFILL or order.fulfillment_started_at is not None:
        return False
    order.fulfillment_started_at = at
    if order.subscription.plan.is_digital:
        order.fulfilled_at = at
        if order.status == Order.Status.PAID:
            order.status = Order.Status.FULFILLED
    order.save(update_fields=["status", "fulfillment_started_at", "fulfilled_at", "updated_at"])
    return True
