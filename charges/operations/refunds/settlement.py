"""Making what Stripe says of a refund true everywhere in one transaction: refund, charge, order, and who hears of it.

It only moves forward: pending, then succeeded, failed or canceled; and from succeeded to failed, because a bank may
send the money back days later (docs.stripe.com/refunds#failed-refunds).
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
FORWARD = {
    Status.PENDING: (Status.SUCCEEDED, Status.FAILED, Status.CANCELED),
    Status.SUCCEEDED: (Status.FAILED,),
    Status.FAILED: (),
    Status.CANCELED: (),
}


class RefundDiffers(PermanentError):
    """Stripe's refund is not our row's, or is over another amount: nothing is settled until somebody has looked."""


class UnexpectedRefund(PermanentError):
    """The refund is in a state that we do not know."""


class RefundedTwiceOver(PermanentError):
    """By what Stripe shows, more went back than was paid. That cannot be: somebody has to look."""


class RefundUnderWay(TransientError):
    """A refund was made at Stripe while one of ours takes up the same money and waits to be made. Stripe will refuse
    ours; then this one is recorded."""


@transaction.atomic(durable=True)
def settle_refund(*, refund_id: UUID, stripe: results.Refund, at: dt.datetime) -> Refund:
    """Believe Stripe's refund, and return ours as it is then. An older state than ours changes nothing.

    Raises ``RefundDiffers`` and ``UnexpectedRefund``.
    """
    refund = locks.locked_refund(refund_id=refund_id)
    return _settle(refund, stripe, at=at)


@transaction.atomic(durable=True)
def settle_rejected_refund(*, refund_id: UUID, code: str, at: dt.datetime) -> Refund:
    """Stripe would not make it. Staff read the code on the refund; the customer was promised nothing yet."""
    refund = locks.locked_refund(refund_id=refund_id)
    if refund.status == Status.PENDING and refund.stripe_id is None:
        logger.error("Refund %s of charge %s was refused (%s).", refund.pk, refund.charge_id, code)
        _fail(refund, Status.FAILED, code, at=at)
    return refund


@transaction.atomic(durable=True)
def settle_from_stripe(*, charge_id: UUID, stripe: results.Refund, at: dt.datetime) -> Refund:
    """Believe a refund that Stripe told us of: one of ours, or one that somebody made there.

    Raises ``RefundDiffers``, ``UnexpectedRefund``, ``RefundedTwiceOver`` and ``RefundUnderWay``.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    known = _row_of(charge, stripe)
    if known is not None:
        return _settle(known, stripe, at=at)
    return _record(charge, stripe, at=at)


def _row_of(charge: Charge, stripe: results.Refund) -> Refund | None:
    """Our row of Stripe's refund: by its id, or, where whoever made it died before that was committed, by ours."""
    refunds = locks.locked_refunds(charge=charge)
    saved = [refund for refund in refunds if refund.stripe_id == stripe.id]
    named = [refund for refund in refunds if _waits_for(refund, stripe)]
    return next(iter(saved + named), None)


def _waits_for(refund: Refund, stripe: results.Refund) -> bool:
    without_id = refund.status == Status.PENDING and refund.stripe_id is None
    return without_id and str(refund.pk) == stripe.metadata.get("refund")


def _record(charge: Charge, stripe: results.Refund, *, at: dt.datetime) -> Refund:
    """A row for a refund that we did not make: its money counts like that of ours."""
    _check(charge, stripe)
    if "refund" in stripe.metadata:
        logger.error("Stripe's refund %s carries the id of a refund that is another or has failed.", stripe.id)
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
        # Over before we heard of it: no money to count, and nobody was told that any would come.
        refund.status, refund.failure_code, refund.failed_at = status, stripe.failure_reason[:100], at
        refund.save(force_insert=True)
        return refund
    _make_room(charge, stripe)
    reserve(charge=charge, amount=stripe.amount)
    refund.save(force_insert=True)
    return _settle(refund, stripe, at=at)


def _make_room(charge: Charge, stripe: results.Refund) -> None:
    if charge.amount_refunded + stripe.amount <= charge.amount:
        return
    if charge.refunds.filter(status=Status.PENDING, stripe_id=None).exists():
        raise RefundUnderWay(f"Refund {stripe.id} has to wait for one of ours of charge {charge.pk}.")
    raise RefundedTwiceOver(f"With refund {stripe.id} more would be refunded than charge {charge.pk} is over.")


def _settle(refund: Refund, stripe: results.Refund, *, at: dt.datetime) -> Refund:
    _check(refund.charge, stripe)
    if refund.stripe_id not in (None, stripe.id) or refund.amount != stripe.amount:
        raise RefundDiffers(f"Refund {refund.pk} is not Stripe's {stripe.id}, or is over another amount.")
    status = _status(stripe)
    if refund.stripe_id is None:
        refund.stripe_id = stripe.id
        refund.save(update_fields=["stripe_id", "updated_at"])
    if status not in FORWARD[Status(refund.status)]:
        return refund
    if status == Status.SUCCEEDED:
        _succeed(refund, at=at)
    else:
        _fail(refund, status, stripe.failure_reason, at=at)
        if status == Status.FAILED:  # canceled is what somebody here wanted
            logger.error("Refund %s of charge %s came back (%s).", refund.pk, refund.charge_id, refund.failure_code)
            publish(_told(RefundFailed, refund))
    return refund


def _succeed(refund: Refund, *, at: dt.datetime) -> None:
    refund.status = Status.SUCCEEDED
    refund.succeeded_at = at
    refund.save(update_fields=["status", "succeeded_at", "updated_at"])
    _tell_order(refund.charge)
    publish(_told(RefundSucceeded, refund))


def _fail(refund: Refund, status: Refund.Status, code: str, *, at: dt.datetime) -> None:
    refund.status = status
    refund.failure_code = code[:100]
    refund.failed_at = at
    refund.save(update_fields=["status", "failure_code", "failed_at", "updated_at"])
    release(charge=refund.charge, amount=refund.amount)
    _tell_order(refund.charge)


def _tell_order(charge: Charge) -> None:
    refunded = charge.refunds.filter(status=Status.SUCCEEDED).aggregate(sum=Sum("amount"))["sum"] or 0
    payments.mark_refunded(order=charge.order, refunded=refunded)


def _told(event: type[RefundSucceeded | RefundFailed], refund: Refund) -> RefundSucceeded | RefundFailed:
    order = refund.charge.order
    return event(refund_id=refund.pk, order_id=order.pk, customer_id=order.customer_id, order_number=order.number)


def _check(charge: Charge, stripe: results.Refund) -> None:
    if (stripe.payment_intent_id, stripe.currency) != (charge.payment_intent_id, charge.currency):
        raise RefundDiffers(f"Refund {stripe.id} is of another payment than charge {charge.pk}.")


def _status(stripe: results.Refund) -> Refund.Status:
    if stripe.status not in STATUSES:
        raise UnexpectedRefund(f"Refund {stripe.id} is in the state {stripe.status}.")
    return STATUSES[stripe.status]
