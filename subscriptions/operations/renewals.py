"""Begin the billing periods that are due, in batches, and publish one event for each period to bill.

Advancing a subscription to its next period is the claim: the row's lock lets one scheduler do it, and the unique number
of the period proves it. There is no lock column that a crash could leave behind.

After an outage, only the period that contains the present is billed. The periods before it are recorded as missed.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from integrations.locks import Busy, session_lock
from integrations.outbox.events import consumers_of, publish_each
from integrations.outbox.models import OutboxMessage
from subscriptions.events import SubscriptionRenewalDue
from subscriptions.models import BillingPeriod, Subscription
from subscriptions.operations import boundaries, periods, trials
from subscriptions.operations.locks import locked_due_subscriptions
from subscriptions.operations.transitions import Status

logger = logging.getLogger(__name__)

Outcome = BillingPeriod.Outcome

BATCH = 500
# Stripe allows 25 requests a second for each endpoint (docs.stripe.com/rate-limits). The rest is for checkouts.
RENEWALS_PER_SECOND = 15
# A run leaves the rest to the next one, well before the time limit of its task.
MAX_RUN_SECONDS = 30.0


def begin_due_renewals(*, at: dt.datetime) -> int:
    """Begin every billing period that is due, and return the number of periods to bill.

    Planned changes are applied at the end of the period before, also to subscriptions that are paused by then.
    A run ends after ``MAX_RUN_SECONDS``; the next one continues. If another run is in progress, this one does nothing.
    """
    try:
        with session_lock("subscriptions.renewals", wait_seconds=1.0):
            return _begin_in_batches(at=at)
    except Busy:
        logger.info("Another run begins the due renewals.")
        return 0


def _begin_in_batches(*, at: dt.datetime) -> int:
    began, billed, first_slot = time.monotonic(), 0, _next_free_slot(at=at)
    boundaries.cancel_ended(at=at)
    while time.monotonic() - began < MAX_RUN_SECONDS:
        advanced, due = begin_batch(at=at, first_slot=first_slot + _seconds_for(billed))
        billed += due
        if advanced < BATCH:
            break
    if billed:
        logger.info("%d renewals are due; the last one is placed in %.0f s.", billed, billed / RENEWALS_PER_SECOND)
    return billed


@transaction.atomic(durable=True)
def begin_batch(*, at: dt.datetime, first_slot: dt.datetime, batch: int = BATCH) -> tuple[int, int]:
    """Advance at most ``batch`` due subscriptions. Return how many, and how many of their periods are to be billed.

    Trials whose card was never saved are canceled, changes that were planned for the ends of periods are applied, and
    skipped periods are not billed. The events of the periods are spread over time from ``first_slot`` on,
    ``RENEWALS_PER_SECOND`` a second.
    """
    found = locked_due_subscriptions(at=at, batch=batch)
    _close_unbilled(found, at=at)
    renewing = boundaries.apply_planned_changes(due=trials.cancel_unstarted(due=found, at=at), at=at)
    skipped = boundaries.skipped_periods(of=renewing)
    begun = [
        _with_outcomes(subscription, periods.due_periods(subscription=subscription, at=at), skipped)
        for subscription in renewing
    ]
    BillingPeriod.objects.bulk_create([row for rows in begun for row in rows], batch_size=1000)
    periods.move_all_to(periods=[rows[-1] for rows in begun], at=at)
    due = [rows[-1] for rows in begun if rows[-1].outcome == Outcome.DUE]
    publish_each((periods.renewal_due(row), first_slot + _seconds_for(position)) for position, row in enumerate(due))
    return len(found), len(due)


def _with_outcomes(
    subscription: Subscription, begun: list[BillingPeriod], skipped: set[tuple[UUID, int]]
) -> list[BillingPeriod]:
    """A subscription that has not begun or is past due is not billed again before its order is paid."""
    if subscription.status in (Status.INCOMPLETE, Status.PAST_DUE):
        begun[-1].outcome = Outcome.UNPAID
    for period in begun:
        if (subscription.pk, period.number) in skipped:
            period.outcome = Outcome.SKIPPED
    return begun


def _close_unbilled(subscriptions: list[Subscription], *, at: dt.datetime) -> None:
    """Periods whose orders were not placed before they ended are missed, so that a late message does not bill them."""
    ended = BillingPeriod.objects.filter(subscription__in=subscriptions, outcome=Outcome.DUE)
    ended.update(outcome=Outcome.MISSED, at=at)


def _next_free_slot(*, at: dt.datetime) -> dt.datetime:
    """The time after the last renewal that waits in the outbox, so that a second run does not double the rate."""
    waiting = OutboxMessage.objects.filter(task__in=consumers_of(SubscriptionRenewalDue), sent_at=None)
    last = waiting.aggregate(last=Max("not_before"))["last"]
    return at if last is None else max(at, last + _seconds_for(1))


def _seconds_for(renewals: int) -> dt.timedelta:
    return dt.timedelta(seconds=renewals / RENEWALS_PER_SECOND)
