"""Settle the state of a refund at Stripe in one transaction: refund, charge, order and events.

A refund only moves forward: from pending to succeeded, failed or canceled; and from succeeded to failed, because a bank
may return the money days later (docs.stripe.com/refunds#failed-refunds).
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from charges.events import RefundFailed, RefundSucceeded
from charges.models import Charge, Refund
from charges.operations import locks
from charges.operations.refunds.requests import release, reserve
from integrations.errors import PermanentError, TransientError
from integrations.outbox.events import publish
from integrations.stripe import results
from orders.operations import payments

logger = logging.getLogger(__name__)

Status = Refund.Status

STATUSES = {
    "pending": Status.PENDING,
    "requires_action": Status.PENDING,
    "succeeded": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELED,
}
NEXT_STATUSES = {
    Status.PENDING: (Status.SUCCEEDED, Status.FAILED, Status.CANCELED),
    Status.SUCCEEDED: (Status.FAILED,),
    Status.FAILED: (),
    Status.CANCELED: (),
}


class RefundDiffers(PermanentError):
    """Stripe's refund belongs to another row or has another amount. Nothing is settled until a person has looked."""


class UnexpectedRefund(PermanentError):
    """The refund at Stripe is in an unknown state."""


class RefundsExceedPayment(PermanentError):
    """At Stripe, the refunds exceed the payment. This must not happen: a person has to look."""


class RefundUnderWay(TransientError):
    """Staff created a refund at Stripe, and one of our pending refunds has reserved the same money. Stripe will reject
    our refund; the next delivery then records the other one."""


@transaction.atomic(durable=True)
def settle_refund(*, refund_id: UUID, stripe: results.Refund, at: dt.datetime) -> Refund:
    """Settle the state of Stripe's refund, and return our row. A state older than ours changes nothing.

    Raises ``RefundDiffers`` and ``UnexpectedRefund``.
    """
    refund = locks.locked_refund(refund_id=refund_id)
    return _settle(refund, stripe, at=at)


@transaction.atomic(durable=True)
def settle_rejected_refund(*, refund_id: UUID, code: str, at: dt.datetime) -> Refund:
    """Stripe rejected the refund. Staff read the code on the refund; the customer has got no message about it."""
    refund = locks.locked_refund(refund_id=refund_id)
    if refund.status == Status.PENDING and refund.stripe_id is None:
        logger.error("Refund %s of charge %s was rejected (%s).", refund.pk, refund.charge_id, code)
        _fail(refund, Status.FAILED, code, at=at)
    return refund


@transaction.atomic(durable=True)
def settle_from_stripe(*, charge_id: UUID, stripe: results.Refund, at: dt.datetime) -> Refund:
    """Settle a refund from an event: one of our rows, or a refund that staff created at Stripe.

    Raises ``RefundDiffers``, ``UnexpectedRefund``, ``RefundsExceedPayment`` and ``RefundUnderWay``.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    known = _row_of(charge, stripe)
    if known is not None:
        return _settle(known, stripe, at=at)
    return _record(charge, stripe, at=at)


def _row_of(charge: Charge, stripe: results.Refund) -> Refund | None:
    """Our row of Stripe's refund. If the worker died before it saved Stripe's id, the metadata names the row."""
    refunds = locks.locked_refunds(charge=charge)
    saved = [refund for refund in refunds if refund.stripe_id == stripe.id]
    named = [refund for refund in refunds if _waits_for(refund, stripe)]
    return next(iter(saved + named), None)


def _waits_for(refund: Refund, stripe: results.Refund) -> bool:
    without_id = refund.status == Status.PENDING and refund.stripe_id is None
    return without_id and str(refund.pk) == stripe.metadata.get("refund")


def _record(charge: Charge, stripe: results.Refund, *, at: dt.datetime) -> Refund:
    """Create a row for a refund that we did not create. Its amount counts like any other."""
    _check(charge, stripe)
    if "refund" in stripe.metadata:
        logger.error("The metadata of Stripe's refund %s names a row that has another refund or has failed.", stripe.id)
    status = _status(stripe)
    refund = Refund(
        charge=charge,
        amount=stripe.amount,
        reason=stripe.reason if stripe.reason in Refund.Reason.values else "",
        origin=Refund.Origin.STRIPE,
        stripe_id=stripe.id,
        requested_at=at,
    )
    if status in (Status.FAILED, Status.CANCELED):
        # It ended before we heard of it: there is no money to count, and the customer has got no message.
        refund.status, refund.failure_code, refund.failed_at = status, stripe.failure_reason[:100], at
        refund.save(force_insert=True)
        return refund
    _check_remaining_amount(charge, stripe)
    reserve(charge=charge, amount=stripe.amount)
    refund.save(force_insert=True)
    return _settle(refund, stripe, at=at)


def _check_remaining_amount(charge: Charge, stripe: results.Refund) -> None:
    if charge.amount_refunded + stripe.amount <= charge.amount:
        return
    if charge.refunds.filter(status=Status.PENDING, stripe_id=None).exists():
        raise RefundUnderWay(f"Refund {stripe.id} has to wait for a pending refund of charge {charge.pk}.")
    raise RefundsExceedPayment(f"With refund {stripe.id}, the refunds exceed the amount of charge {charge.pk}.")


def _settle(refund: Refund, stripe: results.Refund, *, at: dt.datetime) -> Refund:
    _check(refund.charge, stripe)
    if refund.stripe_id not in (None, stripe.id) or refund.amount != stripe.amount:
        raise RefundDiffers(f"Refund {refund.pk} is not Stripe's {stripe.id}, or has another amount.")
    status = _status(stripe)
    if refund.stripe_id is None:
        refund.stripe_id = stripe.id
        refund.save(update_fields=["stripe_id", "updated_at"])
    if status not in NEXT_STATUSES[Status(refund.status)]:
        return refund
    if status == Status.SUCCEEDED:
        _succeed(refund, at=at)
    else:
        _fail(refund, status, stripe.failure_reason, at=at)
        if status == Status.FAILED:  # staff cancel a refund on purpose
            logger.error(
                "The bank returned refund %s of charge %s (%s).", refund.pk, refund.charge_id, refund.failure_code
            )
            publish(_event(RefundFailed, refund))
    return refund


def _succeed(refund: Refund, *, at: dt.datetime) -> None:
    refund.status = Status.SUCCEEDED
    refund.succeeded_at = at
    refund.save(update_fields=["status", "succeeded_at", "updated_at"])
    _update_order(refund.charge)
    publish(_event(RefundSucceeded, refund))


def _fail(refund: Refund, status: Refund.Status, code: str, *, at: dt.datetime) -> None:
    refund.status = status
    refund.failure_code = code[:100]
    refund.failed_at = at
    refund.save(update_fields=["status", "failure_code", "failed_at", "updated_at"])
    release(charge=refund.charge, amount=refund.amount)
    _update_order(refund.charge)


def _update_order(charge: Charge) -> None:
    refunded = charge.refunds.filter(status=Status.SUCCEEDED).aggregate(sum=Sum("amount"))["sum"] or 0
    payments.mark_refunded(order=charge.order, refunded=refunded)


def _event(event: type[RefundSucceeded | RefundFailed], refund: Refund) -> RefundSucceeded | RefundFailed:
    order = refund.charge.order
    return event(refund_id=refund.pk, order_id=order.pk, customer_id=order.customer_id, order_number=order.number)


def _check(charge: Charge, stripe: results.Refund) -> None:
    if (stripe.payment_intent_id, stripe.currency) != (charge.payment_intent_id, charge.currency):
        raise RefundDiffers(f"Refund {stripe.id} belongs to another payment than charge {charge.pk}.")


def _status(stripe: results.Refund) -> Refund.Status:
    if stripe.status not in STATUSES:
        raise UnexpectedRefund(f"Refund {stripe.id} is in the state {stripe.status}.")
    return STATUSES[stripe.status]
