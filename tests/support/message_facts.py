"""Charges, dunning and refunds that messages are about, and the short ways to send and to check a message."""

from __future__ import annotations

import datetime as dt
import uuid

from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep, Refund
from notifications.models import Notification
from notifications.operations import emails
from notifications.operations.dedup_keys import DedupKey
from orders.models import Order

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def charge_for(order: Order, *, status: str = "failed") -> Charge:
    """The charge of the order, without any attempt."""
    paid = {"succeeded_at": START, "payment_intent_id": f"pi_{order.number}"} if status == "succeeded" else {}
    return Charge.objects.create(
        order=order, amount=order.amount, currency=order.currency, payment_method="pm_1", status=status, **paid
    )


def attempt_at(
    charge: Charge, number: int, *, status: str = "declined", code: str = "", at: dt.datetime = START
) -> ChargeAttempt:
    """An attempt at the charge; unless it is open, it also ended at ``at``."""
    return charge.attempts.create(
        number=number,
        idempotency_key=f"{charge.pk}:{number}",
        payment_method="pm_1",
        status=status,
        code=code,
        started_at=at,
        finished_at=None if status in ChargeAttempt.OPEN else at,
    )


def dunning_run(
    order: Order, *, status: str = "active", policy: str = "cancel", ended_at: dt.datetime | None = None
) -> DunningRun:
    """A dunning run of the order, without any step."""
    return DunningRun.objects.create(
        order=order, status=status, schedule=[3, 5], unpaid_policy=policy, started_at=START, ended_at=ended_at
    )


def remind(run: DunningRun, number: int, *, at: dt.datetime) -> DunningStep:
    """A step of the run that asked the customer for a card."""
    return run.steps.create(number=number, status="reminded", due_at=at, done_at=at)


def refund_for(order: Order, *, amount: int = 500, status: str = "succeeded", origin: str = "staff") -> Refund:
    """A refund of the order; the order gets a succeeded charge if it has none."""
    charge = Charge.objects.filter(order=order).first() or charge_for(order, status="succeeded")
    return Refund.objects.create(
        charge=charge,
        amount=amount,
        status=status,
        origin=origin,
        stripe_id=f"re_{uuid.uuid4().hex}",
        succeeded_at=START,
        failed_at=START if status == "failed" else None,
    )


def send(kind: Notification.Kind, order: Order, at: dt.datetime, **dedup_key: object) -> bool:
    """Send an e-mail with this dedup key."""
    return emails.send(kind=kind, order_id=order.pk, dedup_key=DedupKey(**dedup_key), at=at)


def outcome_of(**fields: object) -> tuple[str, str]:
    """Status and error code of the one message with these fields."""
    row = Notification.objects.get(**fields)
    return (row.status, row.error_code)
