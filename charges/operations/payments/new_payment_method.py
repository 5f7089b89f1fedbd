"""Another card for an unpaid order: charged at once, and once it has paid the subscription's card."""

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
    """The order awaits no payment, or none can be made any more."""


class PaymentUnderWay(Exception):
    """A payment for this order is being made right now; only once its outcome is known may another card be tried."""


class TooManyPaymentMethods(Exception):
    """So many cards for one order look like somebody who tries out stolen ones. ``wait``: seconds until the next."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many cards were tried; the next one in {wait} s.")
        self.wait = wait


@transaction.atomic(durable=True)
def replace_payment_method(*, order_id: UUID, payment_method: str, at: dt.datetime) -> None:
    """Charge this card for the order now; once it has paid it is the subscription's card.

    Only this order: a customer who mends one payment has not asked for all the others at once. Raises ``NothingToPay``,
    ``PaymentUnderWay`` and ``TooManyPaymentMethods``.
    """
    charge = _payable_charge(order_id)
    _refuse_card_testing(charge, at=at)
    _leave_authentication(charge, at=at)
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
        raise PaymentUnderWay("The order's payment is about to begin.") from None
    if not payments.is_payable(order=charge.order) or charge.status == Charge.Status.CANCELED:
        raise NothingToPay(f"Order {charge.order.number} awaits no payment.")
    if charge.status not in (Charge.Status.FAILED, Charge.Status.REQUIRES_ACTION):
        raise PaymentUnderWay(f"The payment of order {charge.order.number} is under way.")
    return charge


def _refuse_card_testing(charge: Charge, *, at: dt.datetime) -> None:
    tried = charge.attempts.filter(trigger=ChargeAttempt.Trigger.NEW_PAYMENT_METHOD, started_at__gt=at - A_DAY)
    times = list(tried.order_by("-started_at").values_list("started_at", flat=True)[:MAX_PAYMENT_METHODS_PER_DAY])
    if len(times) == MAX_PAYMENT_METHODS_PER_DAY:
        raise TooManyPaymentMethods(math.ceil((times[-1] + A_DAY - at).total_seconds()))


def _leave_authentication(charge: Charge, *, at: dt.datetime) -> None:
    """The customer takes another card instead of authenticating with the first."""
    charge.attempts.filter(status=ChargeAttempt.Status.REQUIRES_ACTION).update(
        status=ChargeAttempt.Status.CANCELED, finished_at=at
    )
