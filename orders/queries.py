"""What others may ask about orders."""

from __future__ import annotations

from uuid import UUID

from orders.models import Order


def order_with_customer(*, order_id: UUID) -> Order | None:
    """The order with its customer, or None."""
    return Order.objects.select_related("customer", "subscription").filter(pk=order_id).first()
