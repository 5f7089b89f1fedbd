"""Cancel the payment of a canceled order, so that neither the shop nor the customer can pay it any more."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from charges.models import Charge
from charges.operations import locks
from charges.operations.dunning import ending
from charges.operations.payments import settlement
from charges.operations.payments.capture import cancel_intent
from integrations.locks import session_lock


def cancel_payment(*, order_id: UUID, at: dt.datetime) -> None:
    """Stop the order's dunning and cancel its intent.

    If the customer paid a moment before, settlement refunds the money. Raises what ``capture_payment`` raises.
    """
    ending.stop(order_id=order_id, reason="order_canceled", at=at)
    charge = Charge.objects.filter(order=order_id).first()
    if charge is None:
        return
    with session_lock(locks.charge_lock(charge.pk)):
        charge.refresh_from_db()
        if charge.status in (Charge.Status.SUCCEEDED, Charge.Status.CANCELED):
            return
        if charge.payment_intent_id is None:
            # If an intent was created although we got no response, it is unconfirmed and moves no money.
            settlement.settle_canceled(charge_id=charge.pk, at=at)
        else:
            cancel_intent(charge=charge, intent_id=charge.payment_intent_id, at=at)
