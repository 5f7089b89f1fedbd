"""Charge a new payment method for an unpaid order. If it pays, later orders of the subscription use it, too."""

from __future__ import annotations

import datetime as dt
import math
from uuid import UUID

from django.db import transaction

from charges.events import PaymentDue
from charges.models import Charge, ChargeAttempt
from charges.operations import attempts, locks
from integrations.outbox.events import publish
from orders.operations import payments
from orders.queries import OrderNotFound

A_DAY = dt.timedelta(days=1)
MAX_PAYMENT_METHODS_PER_DAY = 5


class NothingToPay(Exception):
    """The order does not await payment, or cannot be paid any more."""


class PaymentUnderWay(Exception):
    """A payment of this order is under way. Give another payment method after its outcome is known."""


class TooManyPaymentMethods(Exception):
    """Too many payment methods in a day: this may be a test of stolen cards. ``wait``: seconds until the next one."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many payment methods were given; the next one is allowed in {wait} s.")
        self.wait = wait


@transaction.atomic(durable=True)
def replace_payment_method(*, order_id: UUID, payment_method: str, at: dt.datetime) -> None:
    """Charge this payment method for the order now. If it pays, it becomes the subscription's payment method.

    Other unpaid orders are not charged: the customer asked for this one only. Raises ``NothingToPay``,
    ``PaymentUnderWay`` and ``TooManyPaymentMethods``.
    """
    charge = _payable_charge(order_id)
    _limit_payment_methods(charge, at=at)
    _cancel_authentication(charge, at=at)
    charge.payment_method, charge.status = payment_method, Charge.Status.PENDING
    charge.save(update_fields=["payment_method", "status", "updated_at"])
    attempts.begin(charge=charge, trigger=ChargeAttempt.Trigger.NEW_PAYMENT_METHOD, task_id="", at=at)
    order = charge.order
    payments.mark_pending(order=order)
    publish(PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))


def _payable_charge(order_id: UUID) -> Charge:
    try:
        charge = locks.locked_charge_of_order(order_id=order_id)
    except OrderNotFound:
        raise NothingToPay("There is no such order.") from None
    except Charge.DoesNotExist:
        raise PaymentUnderWay("The payment of the order is about to begin.") from None
    if not payments.is_payable(order=charge.order) or charge.status == Charge.Status.CANCELED:
        raise NothingToPay(f"Order {charge.order.number} does not await payment.")
    if charge.status not in (Charge.Status.FAILED, Charge.Status.REQUIRES_ACTION):
        raise PaymentUnderWay(f"The payment of order {charge.order.number} is under way.")
    return charge


def _limit_payment_methods(charge: Charge, *, at: dt.datetime) -> None:
    recent = charge.attempts.filter(trigger=ChargeAttempt.Trigger.NEW_PAYMENT_METHOD, started_at__gt=at - A_DAY)
    times = list(recent.order_by("-started_at").values_list("started_at", flat=True)[:MAX_PAYMENT_METHODS_PER_DAY])
    if len(times) == MAX_PAYMENT_METHODS_PER_DAY:
        raise TooManyPaymentMethods(math.ceil((times[-1] + A_DAY - at).total_seconds()))


def _cancel_authentication(charge: Charge, *, at: dt.datetime) -> None:
    """The customer gave another payment method instead of authenticating with the first one."""
    charge.attempts.filter(status=ChargeAttempt.Status.REQUIRES_ACTION).update(
        status=ChargeAttempt.Status.CANCELED, finished_at=at
    )
