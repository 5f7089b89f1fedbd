"""Plan the steps of a dunning run: when the next one is due, and how many the run has used."""

from __future__ import annotations

import datetime as dt
import itertools

from charges import queries
from charges.declines import Category
from charges.events import DunningStepPlanned
from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep
from charges.operations import attempts
from charges.operations.dunning import ending
from integrations.outbox.events import publish
from orders.models import Order

MIN_TIME_BETWEEN_ATTEMPTS = dt.timedelta(days=1)
FAULTS_PER_STEP = 7

TAKEN = (DunningStep.Status.ATTEMPTED, DunningStep.Status.REMINDED)


def plan_next(*, run: DunningRun, charge: Charge, at: dt.datetime) -> None:
    """Plan the next step of the schedule. If all steps are used, the run ends."""
    used = steps_used(run)
    if used >= len(run.schedule):
        ending.exhaust(run=run, charge=charge, at=at)
        return
    by_schedule = at + dt.timedelta(days=run.schedule[used])
    _plan(run, charge.order, due_at=max(by_schedule, earliest_attempt(charge, at=at)))


def plan_after_our_fault(*, run: DunningRun, charge: Charge, at: dt.datetime) -> None:
    """Plan a step for tomorrow, which takes no step of the schedule from the customer.

    After a week of faults in a row, go on with the schedule, so that every run ends.
    """
    if _faults_in_a_row(run) % FAULTS_PER_STEP == 0:
        plan_next(run=run, charge=charge, at=at)
    else:
        _plan(run, charge.order, due_at=at + MIN_TIME_BETWEEN_ATTEMPTS)


def postpone(step: DunningStep, order: Order, *, to: dt.datetime) -> None:
    """Move a planned step to a later time."""
    step.due_at = to
    step.save(update_fields=["due_at"])
    _publish(step, order)


def earliest_attempt(charge: Charge, *, at: dt.datetime) -> dt.datetime:
    """When the charge may be attempted again: a day after the last attempt of any trigger.

    Later if the card network demands a longer wait, or if an attempt is under way.
    """
    last = queries.last_attempt(charge=charge)
    if last is None:
        return at
    if charge.status in attempts.UNDECIDED:
        return at + MIN_TIME_BETWEEN_ATTEMPTS
    reading = queries.reading(attempt=last)
    wait = reading.wait if reading else MIN_TIME_BETWEEN_ATTEMPTS
    return last.started_at + max(MIN_TIME_BETWEEN_ATTEMPTS, wait)


def steps_used(run: DunningRun) -> int:
    """How many steps of the schedule were taken. Steps that failed by our fault count less: seven in a row are one."""
    used = 0
    for is_our_fault, group in itertools.groupby(_faults(run)):
        length = len(list(group))
        used += length // FAULTS_PER_STEP if is_our_fault else length
    return used


def _faults_in_a_row(run: DunningRun) -> int:
    return len(list(itertools.takewhile(bool, reversed(_faults(run)))))


def _faults(run: DunningRun) -> list[bool]:
    """For each step that was taken, in order, whether its attempt failed by our own fault."""
    taken = run.steps.filter(status__in=TAKEN).select_related("attempt").order_by("number")
    postponed = {"attempt__status": ChargeAttempt.Status.CANCELED, "attempt__confirmed_at": None}
    readings = (queries.reading(attempt=step.attempt) if step.attempt else None for step in taken.exclude(**postponed))
    return [reading is not None and reading.category is Category.OUR_FAULT for reading in readings]


def _plan(run: DunningRun, order: Order, *, due_at: dt.datetime) -> None:
    step = DunningStep.objects.create(run=run, number=run.steps.count() + 1, due_at=due_at)
    _publish(step, order)


def _publish(step: DunningStep, order: Order) -> None:
    event = DunningStepPlanned(
        order_id=order.pk, customer_id=order.customer_id, order_number=order.number, step_number=step.number
    )
    publish(event, not_before=step.due_at)
