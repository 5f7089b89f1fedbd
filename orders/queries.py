"""Read orders."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from integrations.errors import PermanentError
from orders.models import Order, as_order_number
from subscriptions.email_addresses import email_key


class OrderNotFound(PermanentError):
    """No order has this id. Trying again cannot help."""


def order_with_details(*, order_id: UUID) -> Order:
    """The order with its customer, plan and lines. Raises ``OrderNotFound``."""
    related = ("customer", "subscription__plan", "subscription__price")
    orders = Order.objects.select_related(*related).prefetch_related("lines")
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound(f"There is no order {order_id}.")
    return order


def is_first_order(*, order: Order) -> bool:
    """Whether the order is the first one of its subscription."""
    return order.kind == Order.Kind.FIRST


def orders_of(*, customer_id: UUID) -> QuerySet[Order]:
    """The customer's orders with their lines. The caller sorts them."""
    return Order.objects.filter(customer_id=customer_id).prefetch_related("lines")


def order_by_number(*, number: str, email: str) -> Order | None:
    """The order with this typed number, if its customer has this e-mail address. Otherwise None."""
    stored = as_order_number(number)
    order = Order.objects.select_related("customer").filter(number=stored).first() if stored else None
    if order is None or order.customer.email_key != email_key(email.strip()):
        return None
    return order
