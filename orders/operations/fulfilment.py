"""From paid to on its way."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from orders.models import Order
from orders.operations.locks import locked_order

OWED = (Order.Status.PAID, Order.Status.PARTIALLY_REFUNDED)


@transaction.atomic(durable=True)
def start_fulfilment(*, order_id: UUID, at: dt.datetime) -> bool:
    """Start to fulfil a paid order, once; False when that was done before, or it is not to be fulfilled (any more).

    A digital order is fulfilled by that. One that is shipped stays paid, in the list of what is to be sent. Of what is
    refunded in part the rest is owed, so it is fulfilled as well, and stays partially refunded.
    """
    order = locked_order(order_id=order_id)
    if order.status not in OWED or order.fulfilment_started_at is not None:
        return False
    order.fulfilment_started_at = at
    if order.subscription.plan.is_digital:
        order.fulfilled_at = at
        if order.status == Order.Status.PAID:
            order.status = Order.Status.FULFILLED
    order.save(update_fields=["status", "fulfilment_started_at", "fulfilled_at", "updated_at"])
    return True
