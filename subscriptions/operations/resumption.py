"""Lift a hold, and resume the subscription when its last hold is lifted."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from subscriptions.actors import Actor
from subscriptions.models import BillingPeriod, Hold, Subscription
from subscriptions.operations import boundaries, holds, periods, transitions
from subscriptions.operations.locks import lock_subscription
from subscriptions.operations.transitions import Kind, Status


@transaction.atomic
def lift_hold(
    *, subscription: Subscription, reason: Hold.Reason, is_overdue: bool, actor: Actor, at: dt.datetime
) -> bool:
    """Lift the open hold for this reason. If it was the last open hold, the subscription and its periods resume.

    If the period has ended, the changes that were planned for its end are applied first: a planned cancellation ends
    the subscription, and a planned pause leaves it paused. ``is_overdue``: whether an order of the subscription is
    overdue, so that it becomes past due and not active. Returns False and changes nothing if no hold for this reason is
    open.
    """
    lock_subscription(subscription)
    if not holds.close_hold(subscription=subscription, reason=reason, actor=actor, at=at):
        return False
    if holds.is_held(subscription=subscription) or not _goes_on(subscription, at=at):
        transitions.record(subscription=subscription, kind=Kind.HOLD_LIFTED, actor=actor, at=at, reason=reason)
        return True
    to = Status.PAST_DUE if is_overdue else _paid_status(subscription, at=at)
    transitions.change_status(
        subscription=subscription, to=to, kind=Kind.HOLD_LIFTED, actor=actor, at=at, reason=reason
    )
    periods.resume_periods(subscription=subscription, is_overdue=is_overdue, at=at)
    return True


def _goes_on(subscription: Subscription, *, at: dt.datetime) -> bool:
    """Apply the changes that were planned for the end of the period, if it has ended. Return whether one follows."""
    if at < subscription.current_period_end:
        return True
    return boundaries.apply_before_new_cycle(subscription=subscription, at=at)


def _paid_status(subscription: Subscription, *, at: dt.datetime) -> Status:
    trial = BillingPeriod.objects.filter(
        subscription=subscription, number=subscription.period_number, outcome=BillingPeriod.Outcome.TRIAL, end__gt=at
    )
    return Status.TRIALING if trial.exists() else Status.ACTIVE
