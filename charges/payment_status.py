"""How an order's payment stands, as its customer is told."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from django.utils.functional import Promise

from charges import queries
from charges.declines.codes import CONFIRM, NOT_APPROVED, OURS
from charges.models import Charge
from orders.models import Order


class State(enum.StrEnum):
    """What the customer can do: nothing any more, wait, confirm, give another card, or nothing at all."""

    PAID = "paid"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    PAYMENT_FAILED = "payment_failed"
    NOTHING_TO_PAY = "nothing_to_pay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``why``: what is wrong and what to do, where something is. ``next_attempt_at``: when the same card is tried again
    without the customer's doing."""

    state: State
    why: Promise | None = None
    next_attempt_at: dt.datetime | None = None


SETTLED = {
    Order.Status.PAID: State.PAID,
    Order.Status.FULFILLED: State.PAID,
    Order.Status.CANCELED: State.NOTHING_TO_PAY,
    Order.Status.REFUNDED: State.NOTHING_TO_PAY,
    Order.Status.PARTIALLY_REFUNDED: State.PAID,
}


def standing_of(*, order: Order, at: dt.datetime) -> Standing:
    """How the order's payment stands at ``at``, which is now. A try that is overdue is not promised for its day."""
    status = Order.Status(order.status)
    if status in SETTLED:
        return Standing(state=SETTLED[status])
    if status == Order.Status.PENDING_PAYMENT or _is_under_way(order):
        return Standing(state=State.PROCESSING, why=OURS if _failed_by_us(order) else None)
    if status == Order.Status.REQUIRES_ACTION:
        return Standing(state=State.REQUIRES_ACTION, why=CONFIRM)
    if Charge.objects.filter(order=order, status=Charge.Status.CANCELED).exists():
        return Standing(state=State.NOTHING_TO_PAY)
    reading = queries.last_decline(order_id=order.pk)
    next_attempt_at = queries.next_attempt_at(order_id=order.pk)
    return Standing(
        state=State.PAYMENT_FAILED,
        why=reading.customer if reading else NOT_APPROVED,
        next_attempt_at=next_attempt_at if next_attempt_at and next_attempt_at > at else None,
    )


def _failed_by_us(order: Order) -> bool:
    """Whether Stripe would not take our request: the order waits, and is paid once we have mended it."""
    waits = order.status == Order.Status.PENDING_PAYMENT
    return waits and Charge.objects.filter(order=order, status=Charge.Status.FAILED).exists()


def _is_under_way(order: Order) -> bool:
    """Whether the card is being charged again, though the order still tells of the last try."""
    return Charge.objects.filter(order=order, status__in=(Charge.Status.PENDING, Charge.Status.PROCESSING)).exists()
