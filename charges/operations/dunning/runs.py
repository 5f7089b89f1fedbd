"""Begin, continue and resume the dunning run of an order."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.conf import settings
from django.db import transaction

from charges.models import Charge, Dispute, DunningRun, DunningStep
from charges.operations import locks
from charges.operations.dunning import ending, schedule
from orders.models import AWAITING_PAYMENT
from orders.operations import payments
from subscriptions import actors
from subscriptions.models import Hold, Plan, Subscription
from subscriptions.operations import holds, subscriptions

ACTOR = actors.system("charges.dunning")
DISPUTED = Hold.Reason.DISPUTED


@transaction.atomic
def payment_failed(*, charge: Charge, at: dt.datetime) -> None:
    """An attempt at the locked charge failed: begin the order's dunning, or continue it."""
    run = _get_or_create(charge, at=at)
    if run.status != DunningRun.Status.ACTIVE:
        return
    if _is_disputed(charge.order.subscription):
        ending.stop(order_id=charge.order_id, reason=DISPUTED, at=at)
    elif (planned := run.steps.filter(status=DunningStep.Status.PLANNED).first()) is None:
        schedule.plan_next(run=run, charge=charge, at=at)
    elif (earliest := schedule.earliest_attempt(charge, at=at)) > planned.due_at:
        # Postpone the step now, because the message to the customer names the day of the next attempt.
        schedule.postpone(planned, charge.order, to=earliest)
    subscriptions.mark_past_due(subscription=charge.order.subscription, actor=ACTOR, at=at)


@transaction.atomic
def rejected_by_our_fault(*, charge: Charge, at: dt.datetime) -> None:
    """Stripe rejected the attempt of a step because of our mistake: attempt again tomorrow."""
    run = locks.locked_dunning_run(charge=charge)
    if run is None or run.status != DunningRun.Status.ACTIVE:
        return
    if not run.steps.filter(status=DunningStep.Status.PLANNED).exists():
        schedule.plan_after_our_fault(run=run, charge=charge, at=at)


@transaction.atomic
def give_up(*, charge: Charge, at: dt.datetime) -> None:
    """The locked charge cannot be paid any more: apply the plan's policy now."""
    run = _get_or_create(charge, at=at)
    if run.status == DunningRun.Status.ACTIVE:
        ending.exhaust(run=run, charge=charge, at=at)


def resume_for_subscription(*, subscription_id: UUID, stopped_because: str, at: dt.datetime) -> int:
    """Resume the runs that were stopped for this reason and whose orders are still unpaid. Return how many.

    Resumes none if the subscription is paused or has ended. Each run is resumed in its own transaction: each locks the
    subscription last, and no transaction may lock another order after that.
    """
    stopped = DunningRun.objects.filter(
        order__subscription=subscription_id, status=DunningRun.Status.STOPPED, reason=stopped_because
    )
    orders = list(stopped.order_by("order").values_list("order", flat=True))
    return sum(_resume(order_id=order_id, stopped_because=stopped_because, at=at) for order_id in orders)


@transaction.atomic(durable=True)
def _resume(*, order_id: UUID, stopped_because: str, at: dt.datetime) -> bool:
    charge = locks.locked_charge_of_order(order_id=order_id)
    run = locks.locked_dunning_run(charge=charge)
    assert run is not None
    is_unpaid = charge.order.status in AWAITING_PAYMENT
    is_billable = subscriptions.is_billable(subscription=charge.order.subscription)
    if not (is_unpaid and is_billable) or (run.status, run.reason) != (DunningRun.Status.STOPPED, stopped_because):
        return False
    run.status, run.reason, run.ended_at = DunningRun.Status.ACTIVE, "", None
    run.save(update_fields=["status", "reason", "ended_at", "updated_at"])
    if charge.status == Charge.Status.CANCELED:
        ending.exhaust(run=run, charge=charge, at=at)
    else:
        payment_failed(charge=charge, at=at)
    return True


def _get_or_create(charge: Charge, *, at: dt.datetime) -> DunningRun:
    """The order's run, locked. Only a transaction that holds the order's lock creates one, so it is created once.

    A dispute about another order may end the run without the lock of this order.
    """
    return locks.locked_dunning_run(charge=charge) or DunningRun.objects.create(
        order=charge.order,
        schedule=list(settings.DUNNING_SCHEDULE),
        unpaid_policy=_unpaid_policy(charge),
        started_at=at,
    )


def _unpaid_policy(charge: Charge) -> str:
    """A trial whose card is not saved never begins, and an unpaid reinstatement is canceled again, under any policy."""
    if charge.saves_card or payments.is_reinstatement(order=charge.order):
        return Plan.UnpaidPolicy.CANCEL
    return charge.order.subscription.plan.unpaid_policy


def _is_disputed(subscription: Subscription) -> bool:
    """Whether a chargeback forbids collecting from this subscription. This does not depend on the plan's policy."""
    held = holds.has_open_hold(subscription=subscription, reason=DISPUTED)
    chargebacks = Dispute.objects.filter(charge__order__subscription=subscription, is_inquiry=False, closed_at=None)
    return held or chargebacks.exists()
