"""The trials of subscriptions: they begin, staff extend them, or they end before they began.

A trial is period 0 of its subscription. Its end is the subscription's anchor, and period 1 is billed as any other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F

from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.billing_periods import BillingCycle, Interval, Unit
from subscriptions.models import BillingPeriod, Subscription
from subscriptions.models.plans import MAX_TRIAL_DAYS
from subscriptions.operations import subscriptions, transitions
from subscriptions.operations.locks import lock_subscription
from subscriptions.operations.transitions import Kind, Status

SCHEDULER = actors.system("subscriptions.trials")
NOT_STARTED = "trial_not_started"


class UnableToExtend(Exception):
    """The trial cannot be extended to this time. The message says why, and what is possible."""


def trial_end(*, start: dt.datetime, days: int, time_zone: str) -> dt.datetime:
    """The end of a trial of so many days: the same local time on a later day."""
    cycle = BillingCycle(anchor_at=start, time_zone=time_zone, interval=Interval(unit=Unit.DAY, count=days))
    return cycle.boundary(1)


@transaction.atomic
def begin_trial(*, subscription: Subscription, actor: Actor, at: dt.datetime) -> bool:
    """Let the subscription try the plan, because its card is saved. Returns False if it is not incomplete."""
    lock_subscription(subscription)
    if subscription.status != Status.INCOMPLETE:
        return False
    transitions.change_status(
        subscription=subscription,
        to=Status.TRIALING,
        kind=Kind.TRIAL_STARTED,
        actor=actor,
        at=at,
        ends_at=subscription.current_period_end.isoformat(),
    )
    return True


def cancel_unstarted(*, due: Sequence[Subscription], at: dt.datetime) -> list[Subscription]:
    """End those of these locked subscriptions whose trial is over although their card was never saved.

    Returns the other ones.
    """
    incomplete = [subscription.pk for subscription in due if subscription.status == Status.INCOMPLETE]
    if not incomplete:
        return list(due)
    on_trial = BillingPeriod.objects.filter(
        subscription__in=incomplete,
        number=F("subscription__period_number"),
        outcome=BillingPeriod.Outcome.TRIAL,
    )
    over = set(on_trial.values_list("subscription_id", flat=True))
    for subscription in due:
        if subscription.pk in over:
            subscriptions.cancel(subscription=subscription, reason=NOT_STARTED, actor=SCHEDULER, at=at)
    return [subscription for subscription in due if subscription.pk not in over]


def current_trial(*, subscription: Subscription) -> BillingPeriod | None:
    """The current period if it is a trial, or None."""
    periods = BillingPeriod.objects.filter(subscription=subscription, outcome=BillingPeriod.Outcome.TRIAL)
    return periods.filter(number=subscription.period_number).first()


@transaction.atomic
def extend_trial(*, subscription: Subscription, by: int | dt.date, actor: Actor, at: dt.datetime) -> BillingPeriod:
    """Let the trial end so many days later, or on this day in the subscription's time zone, at the same time of day.

    Changes that are planned for its end move along. Returns the period. Raises ``UnableToExtend``.
    """
    lock_subscription(subscription)
    trial = current_trial(subscription=subscription)
    if trial is None or subscription.status != Status.TRIALING or trial.end <= at:
        raise UnableToExtend("This subscription is not in a trial. Only a trial that has not ended can be extended.")
    before, zone = trial.end, ZoneInfo(subscription.time_zone)
    used = (before.astimezone(zone).date() - trial.start.astimezone(zone).date()).days
    days = by if isinstance(by, int) else (by - before.astimezone(zone).date()).days
    if days < 1:
        raise UnableToExtend(f"The trial ends on {before.astimezone(zone):%Y-%m-%d}. The new end must be later.")
    if used + days > MAX_TRIAL_DAYS:
        left = MAX_TRIAL_DAYS - used
        raise UnableToExtend(f"A trial has at most {MAX_TRIAL_DAYS} days in all. Extend it by at most {left} days.")
    end = trial_end(start=trial.start, days=used + days, time_zone=subscription.time_zone)
    trial.end = end
    trial.save(update_fields=["end"])
    subscription.anchor_at = subscription.current_period_end = end
    subscription.renews_at = end if subscription.renews_at else None
    subscription.save(update_fields=["anchor_at", "current_period_end", "renews_at", "updated_at"])
    transitions.record(
        subscription=subscription,
        kind=Kind.TRIAL_EXTENDED,
        actor=actor,
        at=at,
        days=days,
        from_end=before.isoformat(),
        to_end=end.isoformat(),
    )
    return trial
