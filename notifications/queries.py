"""What the operations need to know before they write to anybody."""

from __future__ import annotations

from uuid import UUID

from charges import queries as charges
from charges.declines.codes import NOT_APPROVED, Sentence
from charges.models import DunningRun, Refund
from integrations.errors import PermanentError
from orders.models import Order
from subscriptions.models import Customer


class NoSuchOrder(PermanentError):
    """There is no order of this id; a message about one cannot be mended by trying again."""


class NoSuchCustomer(PermanentError):
    """There is no customer of this id; a message about one cannot be mended by trying again."""


class NoSuchRefund(PermanentError):
    """The order has no refund of this id; a message about one cannot be mended by trying again."""


def order_to_write_about(*, order_id: UUID) -> Order:
    """The order with its customer, plan and lines. Raises ``NoSuchOrder``."""
    orders = Order.objects.select_related("customer", "subscription__plan").prefetch_related("lines")
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise NoSuchOrder(f"There is no order {order_id}.")
    return order


def customer_now(*, customer_id: UUID) -> Customer:
    """The customer as stored at this moment. Raises ``NoSuchCustomer``."""
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        raise NoSuchCustomer(f"There is no customer {customer_id}.")
    return customer


def is_first_order(*, order: Order) -> bool:
    """Whether this is the order that its subscription began with."""
    return not Order.objects.filter(subscription_id=order.subscription_id, period_start__lt=order.period_start).exists()


def why_unpaid(*, order: Order) -> Sentence:
    """Why the order's payment failed, in the words that its customer may read."""
    reading = charges.last_decline(order_id=order.pk)
    return NOT_APPROVED if reading is None else reading.customer


def refund_to_write_about(*, refund_id: UUID | None, order: Order) -> Refund:
    """The refund of this order's payment, with its charge. Raises ``NoSuchRefund``."""
    refunds = Refund.objects.select_related("charge").filter(charge__order=order)
    refund = refunds.filter(pk=refund_id).first() if refund_id else None
    if refund is None:
        raise NoSuchRefund(f"Order {order.pk} has no refund {refund_id}.")
    return refund


def dunning_of(*, order: Order) -> DunningRun | None:
    """What was done about the order while it was not paid, if anything."""
    return DunningRun.objects.filter(order=order).first()
