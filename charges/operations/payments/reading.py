"""Read a payment at Stripe and settle it, without charging anything."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from charges.models import Charge
from charges.operations import locks, remote_objects
from charges.operations.payments import intents, settlement
from integrations.locks import session_lock

logger = logging.getLogger(__name__)


def read_payment(*, charge: Charge, intent_id: str, at: dt.datetime) -> Charge:
    """Read the intent, settle it, and return the charge. Raises what settlement and the gateway raise."""
    with session_lock(locks.charge_lock(charge.pk)):
        # Read under the lock, so that a later reading is also settled later.
        intent = intents.api_of(charge).retrieve(payment_intent_id=intent_id)
        if intent.metadata.get("charge") == str(charge.pk):
            # The worker may have died after it created the intent and before it committed the id.
            charge.refresh_from_db()
            remote_objects.save_id(charge, intent.id)
        return settlement.settle(charge_id=charge.pk, intent=intent, at=at)


def read_payment_of(*, order_id: UUID, at: dt.datetime) -> None:
    """Read the order's payment, if it has an intent and has not succeeded."""
    charge = Charge.objects.filter(order=order_id).first()
    if charge is None or charge.payment_intent_id is None:
        logger.info("Order %s has no payment at Stripe to read.", order_id)
    elif charge.status != Charge.Status.SUCCEEDED:
        read_payment(charge=charge, intent_id=charge.payment_intent_id, at=at)
