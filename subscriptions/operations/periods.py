"""Begin the billing periods of a subscription.

Each period has a row, and each row begins where the one before it ends. Every boundary is calculated from the
subscription's anchor.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import connection, transaction

from integrations.outbox.events import publish
from subscriptions.billing_periods import Period
from subscriptions.events import SubscriptionRenewalDue
from subscriptions.models import BillingPeriod, Skip, Subscription
from subscriptions.operations.locks import lock_subscription

Outcome = BillingPeriod.Outcome

A_SECOND = dt.timedelta(seconds=1)  # the shortest period

def due_periods(*, subscription: Subscription, at: dt.datetime) -> list[BillingPeriod]:
    """The periods that follow the current period and have begun at ``at``, oldest first. They are not saved.

    The last one contains ``at`` and is due. The shop was down when the ones before it began and ended, so they are
    missed and not billed. The list is empty if the current period has not ended, or if the subscription does not renew.
    """
    if subscription.renews_at is None or subscription.renews_at > at:
        return []
    first = subscription.period_number + 1
    # If the rules of the time zone have changed since the last boundary was recorded, the calculated one differs by
    # some hours. Then ``at`` can lie between the two, and the recorded one counts.
    last = max(first, subscription.period_at(at).number)
    rows = [
        _row(subscription, subscription.period(number), Outcome.DUE if number == last else Outcome.MISSED, at)
        for number in range(first, last + 1)
    ]
    rows[0].start = subscription.current_period_end
    return rows


def miss_until(*, subscription: Subscription, boundary: dt.datetime, at: dt.datetime) -> None:
    """Record the periods of the locked subscription that ended by this boundary during an outage, without billing them.

    Those that the customer skips are recorded as skipped.
    """
    skipped = set(Skip.objects.filter(subscription=subscription).values_list("period_number", flat=True))
    while subscription.current_period_end < boundary:
        period = subscription.period(subscription.period_number + 1)
        outcome = Outcome.SKIPPED if period.number in skipped else Outcome.MISSED
        row = _row(subscription, period, outcome, at)
        row.start = subscription.current_period_end
        row.save(force_insert=True)
        move_to(subscription=subscription, period=row)
    subscription.save(update_fields=[*PERIOD_FIELDS, "updated_at"])


def forget_coming_skips(*, subscription: Subscription) -> None:
    """End the skips of later periods of the locked subscription, because these deliveries have other dates now."""
    Skip.objects.filter(subscription=subscription, period_number__gt=subscription.period_number).delete()


def move_to(*, subscription: Subscription, period: BillingPeriod) -> None:
    """Make this the current period of the subscription, which renews at its end. The caller saves ``PERIOD_FIELDS``."""
    subscription.period_number = period.number
    subscription.current_period_start, subscription.current_period_end = period.start, period.end
    subscription.renews_at = period.end


def move_all_to(*, periods: Sequence[BillingPeriod], at: dt.datetime) -> None:
    """Make these saved periods the current ones of their locked subscriptions, in one statement.

    ``QuerySet.bulk_update`` does the same with one CASE for each row and field, which takes ten times as long.
    """
    with connection.cursor() as cursor:
        cursor.execute(MOVE_ALL, {"at": at, "periods": [period.pk for period in periods]})


MOVE_ALL = """
    UPDATE subscriptions_subscription AS subscription
    SET period_number = period.number, current_period_start = period.start, current_period_end = period."end",
        renews_at = period."end", updated_at = %(at)s
    FROM subscriptions_billingperiod AS period
    WHERE period.id = ANY(%(periods)s) AND period.subscription_id = subscription.id
"""

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


def pause_periods(*, subscription: Subscription) -> None:
    """Stop renewals of the locked subscription while a hold is open."""
    subscription.renews_at = None
    subscription.save(update_fields=["renews_at", "updated_at"])


def resume_periods(*, subscription: Subscription, is_overdue: bool, at: dt.datetime) -> None:
    """Continue the periods of the locked subscription, which no hold pauses any more.

    If the current period has not ended, it goes on: the customer has paid for it. Otherwise a new period begins now,
    which becomes the new anchor, and the time of the pause is recorded as a gap. The new period is billed, unless an
    order of the subscription is overdue.
    """
    if at < subscription.current_period_end:
        subscription.renews_at = subscription.current_period_end
        subscription.save(update_fields=["renews_at", "updated_at"])
        current = BillingPeriod.objects.get(subscription=subscription, number=subscription.period_number)
    else:
        current = _begin_new_cycle(subscription, outcome=Outcome.UNPAID if is_overdue else Outcome.DUE, at=at)
    if current.outcome == Outcome.DUE:
        publish(renewal_due(current))


def begin_after_cancellation(*, subscription: Subscription, at: dt.datetime) -> BillingPeriod:
    """Begin a period of the locked, canceled subscription now, with a new anchor. It is due, but no event is published.

    If the subscription was canceled within its last period, that period ends with the cancellation. The time until now
    is a gap.
    """
    ended_at = subscription.canceled_at
    if ended_at is not None and ended_at < subscription.current_period_end:
        _end_current_period(subscription, at=max(ended_at, subscription.current_period_start + A_SECOND))
    return _begin_new_cycle(subscription, outcome=Outcome.DUE, at=max(at, subscription.current_period_end))


def _end_current_period(subscription: Subscription, *, at: dt.datetime) -> None:
    BillingPeriod.objects.filter(subscription=subscription, number=subscription.period_number).update(end=at)
    subscription.current_period_end = at


def renewal_due(period: BillingPeriod) -> SubscriptionRenewalDue:
    """The event that has the order of this period placed."""
    subscription = period.subscription
    return SubscriptionRenewalDue(
        subscription_id=subscription.pk, customer_id=subscription.customer_id, period_number=period.number
    )


def _begin_new_cycle(
    subscription: Subscription, *, outcome: BillingPeriod.Outcome, at: dt.datetime
) -> BillingPeriod:
    """Begin a period now, with a new anchor, after a gap since the end of the last period.

    Skips of later periods end, because these deliveries have other dates now.
    """
    forget_coming_skips(subscription=subscription)
    unbilled = BillingPeriod.objects.filter(subscription=subscription, outcome=Outcome.DUE)
    unbilled.update(outcome=Outcome.MISSED, at=at)
    rows, number = [], subscription.period_number + 1
    if at > subscription.current_period_end:
        gap = Period(number=number, start=subscription.current_period_end, end=at)
        rows.append(_row(subscription, gap, Outcome.GAP, at))
        number += 1
    subscription.anchor_at, subscription.anchor_number = at, number
    rows.append(_row(subscription, subscription.period(number), outcome, at))
    BillingPeriod.objects.bulk_create(rows)
    move_to(subscription=subscription, period=rows[-1])
    subscription.save(update_fields=["anchor_at", "anchor_number", *PERIOD_FIELDS, "updated_at"])
    return rows[-1]


def begin_period_early(*, subscription: Subscription, start: dt.datetime, at: dt.datetime) -> BillingPeriod:
    """End the current period of the locked subscription at ``start``, which becomes the anchor of a billed period.

    ``start`` is within the current period. Skips of later periods end, because these deliveries have other dates now.
    """
    BillingPeriod.objects.filter(subscription=subscription, number=subscription.period_number).update(end=start)
    number = subscription.period_number + 1
    subscription.anchor_at, subscription.anchor_number = start, number
    row = _row(subscription, subscription.period(number), Outcome.BILLED, at)
    row.save(force_insert=True)
    move_to(subscription=subscription, period=row)
    subscription.save(update_fields=["anchor_at", "anchor_number", *PERIOD_FIELDS, "updated_at"])
    Skip.objects.filter(subscription=subscription, period_number__gte=number).delete()
    return row


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
