"""Another card for an unpaid order: charged at once, and from then on the subscription's card."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from charges.events import PaymentDue
from charges.models import Charge, ChargeAttempt
from charges.operations import attempts
from integrations.outbox.events import publish
from orders.models import Order
from orders.operations import payments


class NothingToPay(Exception):
    """The order awaits no payment, or none can be made any more."""


class PaymentUnderWay(Exception):
    """A payment for this order is being made right now; only once its outcome is known may another card be tried."""


@transaction.atomic(durable=True)
def replace_card(*, order_id: UUID, payment_method: str, at: dt.datetime) -> None:
    """Charge this card for the order now, and use it for the subscription's later orders.

    Only this order: a customer who mends one payment has not asked for all the others at once. Raises ``NothingToPay``
    and ``PaymentUnderWay``.
    """
    charge = _payable_charge(order_id)
    _leave_authentication(charge, at=at)
    charge.payment_method, charge.status = payment_method, Charge.Status.PENDING
    charge.save(update_fields=["payment_method", "status", "updated_at"])
    attempts.begin(charge=charge, trigger=ChargeAttempt.Trigger.NEW_CARD, task_id="", at=at)
    order = charge.order
    order.subscription.payment_method = payment_method
    order.subscription.save(update_fields=["payment_method", "updated_at"])
    payments.mark_pending(order=order)
    publish(PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))


def _payable_charge(order_id: UUID) -> Charge:
    try:
        charge = attempts.locked_charge_of(order_id=order_id)
    except Order.DoesNotExist:
        raise NothingToPay("There is no such order.") from None
    except Charge.DoesNotExist:
        raise PaymentUnderWay("The order's payment is about to begin.") from None
    if not payments.is_wanted(order=charge.order) or charge.status == Charge.Status.CANCELED:
        raise NothingToPay(f"Order {charge.order.number} awaits no payment.")
    if charge.status not in (Charge.Status.FAILED, Charge.Status.REQUIRES_ACTION):
        raise PaymentUnderWay(f"The payment of order {charge.order.number} is under way.")
    return charge


def _leave_authentication(charge: Charge, *, at: dt.datetime) -> None:
    """The customer takes another card instead of authenticating with the first."""
    charge.attempts.filter(status=ChargeAttempt.Status.REQUIRES_ACTION).update(
        status=ChargeAttempt.Status.CANCELED, finished_at=at
    )
