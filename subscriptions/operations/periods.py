"""Begin the billing periods of a subscription.

Each period has a row, and each row begins where the one before it ends. Every boundary is calculated from the
subscription's anchor.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from subscriptions.billing_periods import Period
from subscriptions.models import BillingPeriod, Subscription
from subscriptions.operations.locks import lock_subscription

Outcome = BillingPeriod.Outcome


def due_periods(*, subscription: Subscription, at: dt.datetime) -> list[BillingPeriod]:
    """The periods after the current one that have begun at ``at``, oldest first. They are not saved.

    The last one contains ``at`` and is due. The shop was down when the ones before it began and ended, so they are
    missed and not billed. The list is empty if the current period has not ended, or if the subscription does not renew.
    """
    if subscription.renews_at is None or subscription.renews_at > at:
        return []
    last = subscription.period_at(at)
    missed = [subscription.period(number) for number in range(subscription.period_number + 1, last.number)]
    return [
        *(_row(subscription, period, Outcome.MISSED, at) for period in missed),
        _row(subscription, last, Outcome.DUE, at),
    ]


def move_to(*, subscription: Subscription, period: BillingPeriod) -> None:
    """Make this the current period of the subscription, which renews at its end. The caller saves ``PERIOD_FIELDS``."""
    subscription.period_number = period.number
    subscription.current_period_start, subscription.current_period_end = period.start, period.end
    subscription.renews_at = period.end


PERIOD_FIELDS = ("period_number", "current_period_start", "current_period_end", "renews_at")


@transaction.atomic
def begin_due_periods(*, subscription: Subscription, at: dt.datetime) -> list[BillingPeriod]:
    """Record the periods that have begun at ``at``, and make the last one current. Return them, oldest first.

    Two concurrent calls record each period once: the second one finds nothing to do.
    """
    lock_subscription(subscription)
    periods = due_periods(subscription=subscription, at=at)
    if periods:
        BillingPeriod.objects.bulk_create(periods)
        move_to(subscription=subscription, period=periods[-1])
        subscription.save(update_fields=[*PERIOD_FIELDS, "updated_at"])
    return periods


def record_first_period(
    *, subscription: Subscription, outcome: BillingPeriod.Outcome, at: dt.datetime
) -> BillingPeriod:
    """Record the current period of a subscription that starts."""
    period = Period(
        number=subscription.period_number, start=subscription.current_period_start, end=subscription.current_period_end
    )
    row = _row(subscription, period, outcome, at)
    row.save(force_insert=True)
    return row


def _row(
    subscription: Subscription, period: Period, outcome: BillingPeriod.Outcome, at: dt.datetime
) -> BillingPeriod:
    return BillingPeriod(
        subscription=subscription, number=period.number, start=period.start, end=period.end, outcome=outcome, at=at
    )
