"""What is done about an order that is not paid, from the first failure to the end of the schedule.

A run has one planned step at a time; its message waits in the outbox until it is due. Taken, a step charges the card on
file once more where the bank may think differently by now. Where only the customer can help (a hard decline, a bank
that wants to see the customer, the ceiling of tries reached) it reminds instead. The next step is counted from when a
step was really taken, so an outage of ours is followed by one try, never by a burst of them.

A new card is the customer's own try: it is charged at once and takes no step. See docs/adr/0010.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from charges import queries
from charges.declines import Category
from charges.events import DunningExhausted, DunningStepPlanned, PaymentDue, PaymentReminderDue
from charges.models import Charge, ChargeAttempt, Dispute, DunningRun, DunningStep
from charges.operations import attempts, locks
from integrations.outbox.events import publish
from orders.models import AWAITING_PAYMENT, Order
from orders.operations import cancellation, payments
from subscriptions.models import Plan, Subscription
from subscriptions.operations import subscriptions

logger = logging.getLogger(__name__)

BETWEEN_TRIES = dt.timedelta(days=1)
FAULTS_FOR_A_STEP = 7
GOING_ON = (Subscription.Status.ACTIVE, Subscription.Status.TRIALING, Subscription.Status.PAST_DUE)
Step = DunningStep.Status


@transaction.atomic
def payment_failed(*, charge: Charge, at: dt.datetime) -> None:
    """A try of the locked charge brought no money: begin the order's dunning, or go on with it."""
    run = _run_of(charge, at=at)
    if run.status != DunningRun.Status.ACTIVE:
        return
    if _is_disputed(charge.order.subscription):
        stop(order_id=charge.order_id, reason=Subscription.StatusReason.DISPUTED, at=at)
    elif (planned := run.steps.filter(status=Step.PLANNED).first()) is None:
        _plan_next(run, charge, at=at)
    elif (earliest := _earliest_try(charge, at=at)) > planned.due_at:
        _put_off(planned, charge.order, to=earliest)  # now, as the customer is told now when we try again
    subscriptions.mark_past_due(subscription=charge.order.subscription)


@transaction.atomic
def refused_by_our_fault(*, charge: Charge, at: dt.datetime) -> None:
    """A step's try was refused through our own fault, which takes no step from the customer: again tomorrow.

    After a week of that nobody is about to mend it, and the schedule goes on, so that every run comes to its end.
    """
    run = locks.locked_dunning_run(charge=charge)
    if run is None or run.status != DunningRun.Status.ACTIVE:
        return
    if run.steps.filter(status=Step.PLANNED).exists():
        return
    if _faults_in_a_row(run) % FAULTS_FOR_A_STEP == 0:
        _plan_next(run, charge, at=at)
    else:
        _plan(run, charge.order, due_at=at + BETWEEN_TRIES)


@transaction.atomic
def recovered(*, order: Order, at: dt.datetime) -> None:
    """The order is paid."""
    _end(DunningRun.objects.filter(order=order), DunningRun.Status.RECOVERED, at=at)


@transaction.atomic
def give_up(*, charge: Charge, at: dt.datetime) -> None:
    """Nothing can be paid by the locked charge any more: apply the plan's policy now."""
    run = _run_of(charge, at=at)
    if run.status == DunningRun.Status.ACTIVE:
        _exhaust(run, charge, at=at)


@transaction.atomic
def stop(*, order_id: UUID, reason: str, at: dt.datetime) -> int:
    """There is nothing to collect for this order any more; return whether that ended a run: 0 or 1."""
    return _end(DunningRun.objects.filter(order=order_id), DunningRun.Status.STOPPED, reason=reason, at=at)


@transaction.atomic
def stop_for_subscription(*, subscription_id: UUID, reason: str, at: dt.datetime) -> int:
    """Stop what is being collected for a subscription; return how many runs that ended."""
    runs = DunningRun.objects.filter(order__subscription=subscription_id)
    return _end(runs, DunningRun.Status.STOPPED, reason=reason, at=at)


@transaction.atomic
def stop_for_customer(*, customer_id: UUID, reason: str, at: dt.datetime) -> int:
    """Stop everything that is being collected from a customer, as an erasure does; return how many runs that ended."""
    runs = DunningRun.objects.filter(order__customer=customer_id)
    return _end(runs, DunningRun.Status.STOPPED, reason=reason, at=at)


def resume_for_subscription(*, subscription_id: UUID, stopped_because: str, at: dt.datetime) -> int:
    """Take up again what was stopped for this reason and is unpaid still; return how many runs go on.

    None while the subscription rests or once it has ended. Each in a transaction of its own: its subscription is locked
    last, and another order after that would be locked against the rule.
    """
    stopped = DunningRun.objects.filter(
        order__subscription=subscription_id, status=DunningRun.Status.STOPPED, reason=stopped_because
    )
    orders = list(stopped.order_by("order").values_list("order", flat=True))
    return sum(_go_on(order_id=order_id, stopped_because=stopped_because, at=at) for order_id in orders)


@transaction.atomic(durable=True)
def _go_on(*, order_id: UUID, stopped_because: str, at: dt.datetime) -> bool:
    charge = locks.locked_charge_of_order(order_id=order_id)
    run = locks.locked_dunning_run(charge=charge)
    assert run is not None
    unpaid = charge.order.status in AWAITING_PAYMENT and charge.order.subscription.status in GOING_ON
    if not unpaid or (run.status, run.reason) != (DunningRun.Status.STOPPED, stopped_because):
        return False
    run.status, run.reason, run.ended_at = DunningRun.Status.ACTIVE, "", None
    run.save(update_fields=["status", "reason", "ended_at", "updated_at"])
    if charge.status == Charge.Status.CANCELED:
        _exhaust(run, charge, at=at)
    else:
        payment_failed(charge=charge, at=at)
    return True


@transaction.atomic(durable=True)
def take_step(*, order_id: UUID, step_number: int, at: dt.datetime, task_id: str = "") -> None:
    """Take a planned step that is due. One that was taken, dropped or put off meanwhile is left alone."""
    charge = locks.locked_charge_of_order(order_id=order_id)
    step = locks.locked_planned_step(charge=charge, number=step_number)
    if step is None or at < step.due_at:
        logger.info("Dunning step %d of order %s is not to be taken (now).", step_number, order_id)
    elif not payments.is_payable(order=charge.order):
        stop(order_id=order_id, reason="order_not_payable", at=at)
    elif (earliest := _earliest_try(charge, at=at)) > at:
        _put_off(step, charge.order, to=earliest)
    elif queries.may_attempt_again(charge=charge):
        _try(step, charge, at=at, task_id=task_id)
    else:
        _remind(step, charge, at=at)


def _earliest_try(charge: Charge, *, at: dt.datetime) -> dt.datetime:
    """Not two tries in a day, whoever made the first; later where the card's network says so, or one is under way."""
    last = queries.last_attempt(charge=charge)
    if last is None:
        return at
    if charge.status in attempts.UNDECIDED:
        return at + BETWEEN_TRIES
    reading = queries.reading(attempt=last)
    return last.started_at + max(BETWEEN_TRIES, reading.wait if reading else BETWEEN_TRIES)


def _try(step: DunningStep, charge: Charge, *, at: dt.datetime, task_id: str) -> None:
    charge.status = Charge.Status.PENDING
    charge.save(update_fields=["status", "updated_at"])
    attempt = attempts.begin(charge=charge, trigger=ChargeAttempt.Trigger.DUNNING, task_id=task_id, at=at)
    _done(step, Step.ATTEMPTED, attempt=attempt, at=at)
    order = charge.order
    publish(PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))


def _remind(step: DunningStep, charge: Charge, *, at: dt.datetime) -> None:
    """At the last step there is nothing left to be reminded of."""
    run, order = step.run, charge.order
    if _steps_used(run) + 1 >= len(run.schedule):
        _exhaust(run, charge, at=at)
        return
    _done(step, Step.REMINDED, at=at)
    publish(
        PaymentReminderDue(
            order_id=order.pk, customer_id=order.customer_id, order_number=order.number, step_number=step.number
        )
    )
    _plan_next(run, charge, at=at)


def _done(step: DunningStep, status: Step, *, attempt: ChargeAttempt | None = None, at: dt.datetime) -> None:
    step.status, step.attempt, step.done_at = status, attempt, at
    step.save(update_fields=["status", "attempt", "done_at"])


def _run_of(charge: Charge, *, at: dt.datetime) -> DunningRun:
    """The order's run, locked, and begun where there is none. The order is locked, so nobody else begins one; but a
    dispute about another order ends one without it."""
    return locks.locked_dunning_run(charge=charge) or DunningRun.objects.create(
        order=charge.order,
        schedule=list(settings.DUNNING_SCHEDULE),
        unpaid_policy=charge.order.subscription.plan.unpaid_policy,
        started_at=at,
    )


def _is_disputed(subscription: Subscription) -> bool:
    """Whether a chargeback keeps us from asking for money, whatever the plan says about it."""
    rests = (subscription.status, subscription.status_reason) == (
        Subscription.Status.PAUSED,
        Subscription.StatusReason.DISPUTED,
    )
    open_ones = Dispute.objects.filter(charge__order__subscription=subscription, is_inquiry=False, closed_at=None)
    return rests or open_ones.exists()


def _plan_next(run: DunningRun, charge: Charge, *, at: dt.datetime) -> None:
    used = _steps_used(run)
    if used < len(run.schedule):
        by_schedule = at + dt.timedelta(days=run.schedule[used])
        _plan(run, charge.order, due_at=max(by_schedule, _earliest_try(charge, at=at)))
    else:
        _exhaust(run, charge, at=at)


def _steps_used(run: DunningRun) -> int:
    """How many steps of the schedule were taken. One whose try we failed ourselves was not; seven in a row are one."""
    used = 0
    for is_our_fault, row in itertools.groupby(_faults(run)):
        length = len(list(row))
        used += length // FAULTS_FOR_A_STEP if is_our_fault else length
    return used


def _faults_in_a_row(run: DunningRun) -> int:
    return len(list(itertools.takewhile(bool, reversed(_faults(run)))))


def _faults(run: DunningRun) -> list[bool]:
    """Of each step that was taken, in order, whether its try failed through our own fault."""
    taken = run.steps.filter(status__in=(Step.ATTEMPTED, Step.REMINDED)).select_related("attempt").order_by("number")
    taken = taken.exclude(attempt__status=ChargeAttempt.Status.CANCELED, attempt__confirmed_at=None)  # put off
    readings = (queries.reading(attempt=step.attempt) if step.attempt else None for step in taken)
    return [reading is not None and reading.category is Category.OUR_FAULT for reading in readings]


def _plan(run: DunningRun, order: Order, *, due_at: dt.datetime) -> None:
    step = DunningStep.objects.create(run=run, number=run.steps.count() + 1, due_at=due_at)
    _announce(step, order)


def _put_off(step: DunningStep, order: Order, *, to: dt.datetime) -> None:
    step.due_at = to
    step.save(update_fields=["due_at"])
    _announce(step, order)


def _announce(step: DunningStep, order: Order) -> None:
    event = DunningStepPlanned(
        order_id=order.pk, customer_id=order.customer_id, order_number=order.number, step_number=step.number
    )
    publish(event, not_before=step.due_at)


def _end(runs: QuerySet[DunningRun], status: DunningRun.Status, *, reason: str = "", at: dt.datetime) -> int:
    ids = locks.locked_active_runs(runs)
    DunningStep.objects.filter(run__in=ids, status=Step.PLANNED).update(status=Step.DROPPED, done_at=at)
    DunningRun.objects.filter(pk__in=ids).update(status=status, reason=reason, ended_at=at, updated_at=at)
    return len(ids)


def _exhaust(run: DunningRun, charge: Charge, *, at: dt.datetime) -> None:
    """The end of the schedule: what the plan says about unpaid orders is done."""
    if not _end(DunningRun.objects.filter(pk=run.pk), DunningRun.Status.EXHAUSTED, at=at):
        return  # somebody else has ended it, for a reason of his own
    order = charge.order
    publish(DunningExhausted(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    if run.unpaid_policy == Plan.UnpaidPolicy.PAST_DUE:
        return
    unpaid = Subscription.StatusReason.UNPAID
    if not (run.unpaid_policy == Plan.UnpaidPolicy.PAUSE and _rests(order.subscription, reason=unpaid)):
        subscriptions.cancel(subscription=order.subscription, reason=unpaid, at=at)
    cancellation.cancel_unpaid(order=order, at=at)


def _rests(subscription: Subscription, *, reason: Subscription.StatusReason) -> bool:
    """Pause it, unless it rests already; False for one that never began, which cannot be paused."""
    subscriptions.pause(subscription=subscription, reason=reason)
    return subscription.status == Subscription.Status.PAUSED


def cancel_other_unpaid_orders(*, order_id: UUID, at: dt.datetime) -> int:
    """After a dunning's end: a subscription that rests because of it collects nothing else either. Return how many
    orders that cancels.

    In a transaction of its own: the subscription is locked last, and another order after that would be locked against
    the rule. Late, it leaves alone what has been resumed meanwhile.
    """
    subscription = Subscription.objects.get(orders=order_id)
    if (subscription.status, subscription.status_reason) != (
        Subscription.Status.PAUSED,
        Subscription.StatusReason.UNPAID,
    ):
        return 0
    return cancellation.cancel_unpaid_of(subscription_id=subscription.pk, at=at)
