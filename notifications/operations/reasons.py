"""Why a message is not sent after all. Messages may be days late.

Each is checked against the order as it is now.
"""

from __future__ import annotations

from notifications.models import Channel, Notification
from notifications.operations import suppressions
from orders.models import Order

Kind = Notification.Kind
GONE = (Order.Status.CANCELED, Order.Status.REFUNDED)


def not_to_send(*, kind: Notification.Kind, channel: Channel, order: Order) -> str:
    """A code for the row, or an empty string when the message is to go out."""
    return (
        _untrue(kind, order)
        or (_no_consent(order) if channel == Channel.SMS else "")
        or suppressions.stopping_reason(channel=channel, customer=order.customer)
    )


def _untrue(kind: Notification.Kind, order: Order) -> str:
    """What the message would say is not so (any more)."""
    if kind == Kind.PAYMENT_FAILED:
        return "" if order.status == Order.Status.PAYMENT_FAILED else f"order_{order.status}"
    if kind == Kind.PAYMENT_ACTION_REQUIRED:
        return "" if order.status == Order.Status.REQUIRES_ACTION else f"order_{order.status}"
    if order.status in GONE:
        return f"order_{order.status}"
    if kind in (Kind.WELCOME, Kind.ORDER_PAID) and order.paid_at is None:
        return "order_not_paid"
    return ""


def _no_consent(order: Order) -> str:
    if not order.customer.sms_consent:
        return "no_consent"
    return "" if order.customer.phone else "no_phone"
