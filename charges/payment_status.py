"""The status of an order's payment, as the payment page and the API show it to the customer."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from django.utils.functional import Promise

from charges import queries
from charges.declines import CONFIRM, ERROR_ON_OUR_SIDE, NOT_APPROVED
from charges.models import Charge
from orders.models import Order


class PaymentState(enum.StrEnum):
    """The state of a payment. It decides what the customer can do."""

    PAID = "paid"
    PROCESSING = "processing"  # the customer waits
    REQUIRES_ACTION = "requires_action"  # the customer confirms the payment, or pays with another card
    PAYMENT_FAILED = "payment_failed"  # the customer pays with another card
    NOTHING_TO_PAY = "nothing_to_pay"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatus:
    """``explanation``: the problem and what the customer can do, or None if there is no problem.

    ``next_attempt_at``: when the same card is charged again automatically, or None if it is not.
    """

    state: PaymentState
    explanation: Promise | None = None
    next_attempt_at: dt.datetime | None = None


SETTLED = {
    Order.Status.PAID: PaymentState.PAID,
    Order.Status.FULFILLED: PaymentState.PAID,
    Order.Status.CANCELED: PaymentState.NOTHING_TO_PAY,
    Order.Status.REFUNDED: PaymentState.NOTHING_TO_PAY,
    Order.Status.PARTIALLY_REFUNDED: PaymentState.PAID,
}


def payment_status_of(*, order: Order, at: dt.datetime) -> PaymentStatus:
    """The status of the order's payment. ``at``: the current time. An overdue attempt has no ``next_attempt_at``."""
    status = Order.Status(order.status)
    if status in SETTLED:
        return PaymentStatus(state=SETTLED[status])
    if status == Order.Status.PENDING_PAYMENT or _is_in_progress(order):
        explanation = ERROR_ON_OUR_SIDE if _waits_for_our_fix(order) else None
        return PaymentStatus(state=PaymentState.PROCESSING, explanation=explanation)
    if status == Order.Status.REQUIRES_ACTION:
        return PaymentStatus(state=PaymentState.REQUIRES_ACTION, explanation=CONFIRM)
    if Charge.objects.filter(order=order, status=Charge.Status.CANCELED).exists():
        return PaymentStatus(state=PaymentState.NOTHING_TO_PAY)
    reading = queries.last_decline(order_id=order.pk)
    next_attempt_at = queries.next_attempt_at(order_id=order.pk)
    return PaymentStatus(
        state=PaymentState.PAYMENT_FAILED,
        explanation=reading.customer if reading else NOT_APPROVED,
        next_attempt_at=next_attempt_at if next_attempt_at and next_attempt_at > at else None,
    )


def _waits_for_our_fix(order: Order) -> bool:
    """Whether Stripe rejected our request. The order stays pending, and is paid after a developer fixes the error."""
    is_pending = order.status == Order.Status.PENDING_PAYMENT
    return is_pending and Charge.objects.filter(order=order, status=Charge.Status.FAILED).exists()


def _is_in_progress(order: Order) -> bool:
    """Whether the card is being charged again. The order's status may still be that of the previous attempt."""
    return Charge.objects.filter(order=order, status__in=(Charge.Status.PENDING, Charge.Status.PROCESSING)).exists()
