"""A charge and its attempts: the rows that are committed before the first request to Stripe."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from charges.models import Charge, ChargeAttempt
from charges.operations import locks
from integrations.errors import TransientError
from integrations.stripe.results import Decline
from orders.models import AWAITING_PAYMENT, Order
from orders.operations import payments
from orders.operations.locks import locked_order

UNDECIDED = (Charge.Status.PENDING, Charge.Status.PROCESSING)


class OvertakenAttempt(TransientError):
    """Another worker closed this attempt while we worked on it. The next delivery sees its outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedAttempt:
    """An attempt to work on. ``resumed``: another worker began it, and may already have confirmed the payment."""

    attempt: ChargeAttempt
    resumed: bool


@transaction.atomic(durable=True)
def open_charge(*, order_id: UUID) -> Charge | None:
    """The order's charge, created if the order awaits payment and has none. None if there is nothing to pay.

    Raises ``OrderNotFound``.
    """
    order = locked_order(order_id=order_id)
    known = Charge.objects.filter(order=order).first()
    if known is not None or order.status not in AWAITING_PAYMENT:
        return known
    return Charge.objects.create(
        order=order, amount=order.amount, currency=order.currency, payment_method=order.payment_method
    )


@transaction.atomic(durable=True)
def claim(*, charge_id: UUID, task_id: str, at: dt.datetime) -> ClaimedAttempt | None:
    """The attempt that capture has to work on now, or None if the charge needs none.

    An open attempt is resumed. A new attempt begins with a new charge, or after Stripe rejected our request: the
    person who sends the message again has fixed the cause.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    last = charge.attempts.order_by("number").last()
    if charge.status in UNDECIDED and last is not None and last.status in ChargeAttempt.OPEN:
        return ClaimedAttempt(attempt=last, resumed=True)
    if not _may_begin(charge, last) or not _is_collectable(charge.order):
        return None
    charge.status = Charge.Status.PENDING
    charge.save(update_fields=["status", "updated_at"])
    return ClaimedAttempt(attempt=begin(charge=charge, task_id=task_id, at=at), resumed=False)


def _may_begin(charge: Charge, last: ChargeAttempt | None) -> bool:
    if charge.status == Charge.Status.PENDING:
        return True
    rejected = last is not None and last.status == ChargeAttempt.Status.REJECTED
    return charge.status == Charge.Status.FAILED and rejected


def _is_collectable(order: Order) -> bool:
    return payments.is_payable(order=order) and not payments.is_collection_paused(order=order)


def begin(
    *,
    charge: Charge,
    trigger: ChargeAttempt.Trigger = ChargeAttempt.Trigger.ORDER,
    task_id: str,
    at: dt.datetime,
    confirmed_at: dt.datetime | None = None,
) -> ChargeAttempt:
    """Begin a new attempt at the locked charge, with its own idempotency key."""
    last = charge.attempts.order_by("number").last()
    number = 1 if last is None else last.number + 1
    return ChargeAttempt.objects.create(
        charge=charge,
        number=number,
        idempotency_key=f"charge:{charge.pk}:confirm:{number}",
        payment_method=charge.payment_method,
        trigger=trigger,
        task_id=task_id,
        started_at=at,
        confirmed_at=confirmed_at,
    )


@transaction.atomic(durable=True)
def replace(*, attempt: ChargeAttempt, at: dt.datetime) -> ChargeAttempt:
    """Close an attempt whose key is exhausted and that had no effect by what the intent shows; begin the next one.

    This is safe even if the first attempt did have an effect: both confirm the same intent, and an intent can succeed
    only once. The next attempt continues the first one under another key, so it keeps the time of the first
    confirmation. Raises ``OvertakenAttempt``.
    """
    charge = locks.locked_charge(charge_id=attempt.charge_id)
    closed = charge.attempts.filter(pk=attempt.pk, status__in=ChargeAttempt.OPEN).update(
        status=ChargeAttempt.Status.WITHOUT_EFFECT, finished_at=at
    )
    if not closed or charge.status not in UNDECIDED:
        raise OvertakenAttempt(f"Another worker settled the attempt {attempt.idempotency_key}.")
    trigger = ChargeAttempt.Trigger(attempt.trigger)
    confirmed_at = ChargeAttempt.objects.values_list("confirmed_at", flat=True).get(pk=attempt.pk)
    return begin(charge=charge, trigger=trigger, task_id=attempt.task_id, at=at, confirmed_at=confirmed_at)


def open_attempt(*, charge: Charge) -> ChargeAttempt | None:
    """The charge's open attempt, or None."""
    return charge.attempts.filter(status__in=ChargeAttempt.OPEN).first()


def record_outcome(
    *, charge: Charge, status: ChargeAttempt.Status, decline: Decline, at: dt.datetime
) -> ChargeAttempt | None:
    """Write the outcome to the open attempt of the locked charge, and return it.

    None if there is no open attempt: the customer paid in a browser, without a request from us.
    """
    attempt = open_attempt(charge=charge)
    if attempt is None:
        return None
    attempt.status = status
    attempt.finished_at = None if status in ChargeAttempt.OPEN else at
    attempt.code = decline.code[:100]
    attempt.decline_code = decline.decline_code[:100]
    attempt.advice_code = decline.advice_code[:100]
    attempt.network_advice_code = decline.network_advice_code[:20]
    attempt.network_decline_code = decline.network_decline_code[:20]
    attempt.stripe_charge_id = decline.stripe_charge_id[:255]
    attempt.save()
    return attempt


@transaction.atomic(durable=True)
def save_confirmation_time(*, attempt: ChargeAttempt, at: dt.datetime) -> None:
    """Commit this before Stripe is asked to confirm. Before it, no error of the intent belongs to this attempt."""
    ChargeAttempt.objects.filter(pk=attempt.pk, confirmed_at=None).update(confirmed_at=at)


@transaction.atomic(durable=True)
def mark_unknown(*, attempt: ChargeAttempt) -> None:
    """Stripe did not respond. The intent will show the outcome."""
    ChargeAttempt.objects.filter(pk=attempt.pk, status=ChargeAttempt.Status.STARTED).update(
        status=ChargeAttempt.Status.UNKNOWN
    )
