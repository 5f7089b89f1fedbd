"""Claiming a charge and its attempts: the rows that are committed before anything is asked of Stripe."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from charges.models import Charge, ChargeAttempt
from charges.operations import locks
from integrations.errors import TransientError
from orders.models import AWAITING_PAYMENT, Order
from orders.operations import payments
from orders.operations.locks import locked_order

UNDECIDED = (Charge.Status.PENDING, Charge.Status.PROCESSING)


class OvertakenAttempt(TransientError):
    """Somebody else closed this attempt while we worked on it; the next try finds what they made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An attempt to work on. ``resumed``: somebody began it before us, and may have got as far as paying."""

    attempt: ChargeAttempt
    resumed: bool


@transaction.atomic(durable=True)
def open_charge(*, order_id: UUID) -> Charge | None:
    """The order's charge, made where the order awaits payment and has none. None where there is nothing to
    pay.

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
def claim(*, charge_id: UUID, task_id: str, at: dt.datetime) -> Claim | None:
    """The attempt that capture has to work on now, or None where the charge needs none.

    An open attempt is resumed. A new one begins with a new charge, and after a refusal: that was not the
    bank's answer but a request of ours that Stripe would not take, so whoever sends the message again has
    mended what was wrong.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    last = charge.attempts.order_by("number").last()
    if charge.status in UNDECIDED and last is not None and last.status in ChargeAttempt.OPEN:
        return Claim(attempt=last, resumed=True)
    if not _may_begin(charge, last) or not _may_be_asked_for(charge.order):
        return None
    charge.status = Charge.Status.PENDING
    charge.save(update_fields=["status", "updated_at"])
    return Claim(attempt=begin(charge=charge, task_id=task_id, at=at), resumed=False)


def _may_begin(charge: Charge, last: ChargeAttempt | None) -> bool:
    if charge.status == Charge.Status.PENDING:
        return True
    refused = last is not None and last.status == ChargeAttempt.Status.REFUSED
    return charge.status == Charge.Status.FAILED and refused


def _may_be_asked_for(order: Order) -> bool:
    return payments.is_wanted(order=order) and not payments.is_put_off(order=order)


def begin(
    *,
    charge: Charge,
    trigger: ChargeAttempt.Trigger = ChargeAttempt.Trigger.ORDER,
    task_id: str,
    at: dt.datetime,
    confirmed_at: dt.datetime | None = None,
) -> ChargeAttempt:
    """A new attempt at a locked charge, with a key of its own."""
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
    """Close an attempt whose key is spent and which the intent shows to have had no effect; begin the next.

    Safe even if we are wrong about the effect: both confirm one intent, and an intent can succeed only once. It is the
    same try under another key, so what is an answer to the first is one to the next. Raises ``OvertakenAttempt``.
    """
    charge = locks.locked_charge(charge_id=attempt.charge_id)
    closed = charge.attempts.filter(pk=attempt.pk, status__in=ChargeAttempt.OPEN).update(
        status=ChargeAttempt.Status.WITHOUT_EFFECT, finished_at=at
    )
    if not closed or charge.status not in UNDECIDED:
        raise OvertakenAttempt(f"Attempt {attempt.idempotency_key} was settled by somebody else.")
    trigger = ChargeAttempt.Trigger(attempt.trigger)
    confirmed_at = ChargeAttempt.objects.values_list("confirmed_at", flat=True).get(pk=attempt.pk)
    return begin(charge=charge, trigger=trigger, task_id=attempt.task_id, at=at, confirmed_at=confirmed_at)


@transaction.atomic(durable=True)
def note_confirmed(*, attempt: ChargeAttempt, at: dt.datetime) -> None:
    """Committed before Stripe is asked: until then no failure that the intent remembers is this attempt's."""
    ChargeAttempt.objects.filter(pk=attempt.pk, confirmed_at=None).update(confirmed_at=at)


@transaction.atomic(durable=True)
def note_unknown(*, attempt: ChargeAttempt) -> None:
    """Nobody knows what came of this attempt; the intent will tell."""
    ChargeAttempt.objects.filter(pk=attempt.pk, status=ChargeAttempt.Status.STARTED).update(
        status=ChargeAttempt.Status.UNKNOWN
    )
