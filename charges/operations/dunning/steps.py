"""Take a planned step of a dunning run: charge the saved payment method again, or remind the customer."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction

from charges import queries
from charges.events import PaymentDue, PaymentReminderDue
from charges.models import Charge, ChargeAttempt, DunningStep
from charges.operations import attempts, locks
from charges.operations.dunning import ending, schedule
from integrations.outbox.events import publish
from orders.operations import payments

logger = logging.getLogger(__name__)

Status = DunningStep.Status


@transaction.atomic(durable=True)
def take_step(*, order_id: UUID, step_number: int, at: dt.datetime, task_id: str = "") -> None:
    """Take a planned step that is due. Does nothing if the step was taken, dropped or postponed meanwhile."""
    charge = locks.locked_charge_of_order(order_id=order_id)
    step = locks.locked_planned_step(charge=charge, number=step_number)
    if step is None or at < step.due_at:
        logger.info("Dunning step %d of order %s is not due or not planned.", step_number, order_id)
    elif not payments.is_payable(order=charge.order):
        ending.stop(order_id=order_id, reason="order_not_payable", at=at)
    elif (earliest := schedule.earliest_attempt(charge, at=at)) > at:
        schedule.postpone(step, charge.order, to=earliest)
    elif queries.may_attempt_again(charge=charge):
        _attempt(step, charge, at=at, task_id=task_id)
    else:
        _remind(step, charge, at=at)


def _attempt(step: DunningStep, charge: Charge, *, at: dt.datetime, task_id: str) -> None:
    charge.status = Charge.Status.PENDING
    charge.save(update_fields=["status", "updated_at"])
    attempt = attempts.begin(charge=charge, trigger=ChargeAttempt.Trigger.DUNNING, task_id=task_id, at=at)
    _finish(step, Status.ATTEMPTED, attempt=attempt, at=at)
    order = charge.order
    publish(PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))


def _remind(step: DunningStep, charge: Charge, *, at: dt.datetime) -> None:
    """Remind the customer, unless this is the last step: then the run ends."""
    run, order = step.run, charge.order
    if schedule.steps_used(run) + 1 >= len(run.schedule):
        ending.exhaust(run=run, charge=charge, at=at)
        return
    _finish(step, Status.REMINDED, at=at)
    publish(
        PaymentReminderDue(
            order_id=order.pk, customer_id=order.customer_id, order_number=order.number, step_number=step.number
        )
    )
    schedule.plan_next(run=run, charge=charge, at=at)


def _finish(step: DunningStep, status: Status, *, attempt: ChargeAttempt | None = None, at: dt.datetime) -> None:
    step.status, step.attempt, step.done_at = status, attempt, at
    step.save(update_fields=["status", "attempt", "done_at"])
