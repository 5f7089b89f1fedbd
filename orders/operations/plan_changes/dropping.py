"""Cancel the order of a change that was not paid in time, or that was closed."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from orders import queries
from orders.models import Order
from orders.operations.cancellation import cancel_unpaid
from orders.operations.locks import locked_order


@transaction.atomic(durable=True)
def drop_unpaid(*, order_id: UUID, at: dt.datetime) -> bool:
    """The time for the payment of a change is over: cancel its order. Returns False if it does not await payment.

    Raises ``OrderNotFound``.
    """
    order = locked_order(order_id=order_id)
    return order.kind == Order.Kind.CHANGE and cancel_unpaid(order=order, at=at)


def cancel_order_of_closed_change(*, pending_change_id: UUID, at: dt.datetime) -> bool:
    """Cancel the order of a change that was closed without being applied. Returns False if nothing is to cancel."""
    order = queries.change_order(pending_change_id=pending_change_id)
    return order is not None and drop_unpaid(order_id=order.pk, at=at)
