"""Request a refund: create its row and reserve its amount of the charge, before the first request to Stripe.

``Charge.amount_refunded`` is the sum of the pending and succeeded refunds. It grows here, under the charge's lock, and
a constraint keeps it within the paid amount. So two requests for the same money cannot both succeed.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from charges.events import RefundRequested
from charges.models import Charge, Refund
from charges.operations import locks
from integrations.outbox.events import publish
from orders.operations import payments
from subscriptions.models import User
from subscriptions.money import AMOUNT_STEPS, formatted, whole_steps

logger = logging.getLogger(__name__)


class UnableToRefund(Exception):
    """The refund is not possible; nothing was changed. ``field`` names the wrong field of the command."""

    field = ""


class NothingPaid(UnableToRefund):
    """There is no order with this number, or it was not paid."""

    field = "order"


class MoreThanIsLeft(UnableToRefund):
    """The amount is zero, or larger than the remaining part of the payment."""

    field = "amount"


class NoWholeStep(UnableToRefund):
    """Stripe does not move such an amount in this currency."""

    field = "amount"


class CommandReused(UnableToRefund):
    """The same user sent another command with this key."""

    field = "Idempotency-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to refund. ``amount`` in minor units; None refunds the whole remaining amount.

    ``key`` and ``hash`` show whether ``requested_by`` repeats an earlier command.
    """

    order_number: str
    amount: int | None
    reason: str
    note: str
    requested_by: User
    key: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """The refund, and whether an earlier command created it."""

    refund: Refund
    replayed: bool


def request_refund(*, command: Command, at: dt.datetime) -> Requested:
    """Reserve the money and publish the refund. A repeated command returns the refund of the first one.

    Raises ``NothingPaid``, ``MoreThanIsLeft``, ``NoWholeStep``, ``CommandReused``.
    """
    try:
        return _requested(command, at=at)
    except IntegrityError:
        # The same key at the same moment for another order: the two transactions hold different locks.
        earlier = _earlier(command)
        if earlier is None:
            raise
        return Requested(refund=earlier, replayed=True)


@transaction.atomic(durable=True)
def _requested(command: Command, *, at: dt.datetime) -> Requested:
    charge = _locked_charge_of(command.order_number)
    earlier = _earlier(command)
    if earlier is not None:
        return Requested(refund=earlier, replayed=True)
    if charge.status != Charge.Status.SUCCEEDED or charge.saves_card:
        raise NothingPaid("No money was taken for this order.")
    refund = Refund(
        charge=charge,
        amount=_amount(command, charge),
        reason=command.reason,
        note=command.note,
        origin=Refund.Origin.STAFF,
        requested_by=command.requested_by,
        command_key=command.key,
        command_hash=command.hash,
        requested_at=at,
    )
    _open(refund)
    return Requested(refund=refund, replayed=False)


@transaction.atomic
def refund_for_canceled_order(*, charge: Charge) -> Refund | None:
    """Refund the remaining amount of a payment for a canceled order. The charge is locked and has succeeded.

    A second call returns the refund of the first one. None if nothing is left to refund.
    """
    key = f"canceled-order:{charge.pk}"
    known = Refund.objects.filter(requested_by=None, command_key=key).first()
    left = charge.amount - charge.amount_refunded
    if known is not None or left == 0:
        return known
    refund = Refund(charge=charge, amount=left, origin=Refund.Origin.SHOP, command_key=key)
    _open(refund)
    logger.warning("Charge %s succeeded for a canceled order; it is refunded.", charge.pk)
    return refund


@transaction.atomic
def refund_unused_part(*, charge: Charge, amount: int) -> Refund:
    """Refund this amount of the locked charge, because its subscription ends within the period that it paid for.

    The caller checks that ``amount`` is positive and within the remaining part of the payment. A later cancellation may
    refund the same payment again: a subscription that was reinstated can have a credit from it.
    """
    key = f"unused-part:{charge.pk}"
    earlier = Refund.objects.filter(charge=charge, command_key__startswith=key).count()
    return _refund_for_customer(charge, amount, key=f"{key}:{earlier + 1}")


@transaction.atomic
def refund_after_withdrawal(*, charge: Charge, amount: int) -> Refund:
    """Refund this amount of the locked charge, because the customer withdrew from the contract. See above."""
    return _refund_for_customer(charge, amount, key=f"withdrawal:{charge.pk}")


def _refund_for_customer(charge: Charge, amount: int, *, key: str) -> Refund:
    refund = Refund(
        charge=charge,
        amount=amount,
        reason=Refund.Reason.REQUESTED_BY_CUSTOMER,
        origin=Refund.Origin.CUSTOMER,
        command_key=key,
    )
    _open(refund)
    return refund


def reserve(*, charge: Charge, amount: int) -> None:
    """Count ``amount`` of the locked charge as refunded."""
    _set_refunded(charge, charge.amount_refunded + amount)


def release(*, charge: Charge, amount: int) -> None:
    """Count ``amount`` of the locked charge as not refunded."""
    _set_refunded(charge, charge.amount_refunded - amount)


def _set_refunded(charge: Charge, amount: int) -> None:
    charge.amount_refunded = amount
    charge.save(update_fields=["amount_refunded", "updated_at"])
    payments.set_refunded_amount(order=charge.order, amount=amount)


def _open(refund: Refund) -> None:
    charge, order = refund.charge, refund.charge.order
    reserve(charge=charge, amount=refund.amount)
    refund.save(force_insert=True)
    publish(
        RefundRequested(
            refund_id=refund.pk, order_id=order.pk, customer_id=order.customer_id, order_number=order.number
        )
    )


def _locked_charge_of(order_number: str) -> Charge:
    charge_id = Charge.objects.filter(order__number=order_number).values_list("pk", flat=True).first()
    if charge_id is None:
        raise NothingPaid("There is no order of this number with a payment.")
    return locks.locked_charge(charge_id=charge_id)


def _earlier(command: Command) -> Refund | None:
    refund = (
        Refund.objects.select_related("charge__order")
        .filter(requested_by=command.requested_by, command_key=command.key)
        .first()
    )
    if refund is not None and refund.command_hash != command.hash:
        raise CommandReused("This Idempotency-Key was used with another body.")
    return refund


def _amount(command: Command, charge: Charge) -> int:
    left = charge.amount - charge.amount_refunded
    if left == 0:
        raise MoreThanIsLeft("Nothing is left to refund: the whole payment was refunded, or is being refunded.")
    amount = left if command.amount is None else command.amount
    if not 1 <= amount <= left:
        shown = formatted(amount=left, currency=charge.currency)
        raise MoreThanIsLeft(f"Must be between 1 and {left}: {shown} are left to refund.")
    if whole_steps(amount=amount, currency=charge.currency) != amount:
        step = AMOUNT_STEPS[charge.currency]
        raise NoWholeStep(f"Must be a multiple of {step}: Stripe refunds {charge.currency} only in such steps.")
    return amount
