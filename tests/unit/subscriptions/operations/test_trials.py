"""Trials begin, are extended by staff, or end before they began."""

from __future__ import annotations

import datetime as dt

import pytest

from subscriptions.models import BillingPeriod, PendingChange, Plan, Subscription
from subscriptions.operations import pending_changes, renewals, trials
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

# 09:00 in Berlin, before and after the change to summer time.
START = dt.datetime(2026, 3, 20, 8, tzinfo=dt.UTC)
END = dt.datetime(2026, 4, 3, 7, tzinfo=dt.UTC)


@pytest.fixture
def incomplete(coffee: Plan) -> Subscription:
    return started_subscription(coffee, at=START, time_zone="Europe/Berlin", trial_days=14)


@pytest.fixture
def trialing(incomplete: Subscription) -> Subscription:
    assert trials.begin_trial(subscription=incomplete, actor=TESTS, at=START)
    return incomplete


def extend(subscription: Subscription, by: int | dt.date, at: dt.datetime = START) -> BillingPeriod:
    return trials.extend_trial(subscription=subscription, by=by, actor=TESTS, at=at)


def test_a_trial_ends_at_the_local_time_of_its_start(incomplete: Subscription) -> None:
    period = incomplete.periods.get()
    assert (period.number, period.outcome, period.start, period.end) == (0, "trial", START, END)
    assert (incomplete.anchor_at, incomplete.anchor_number, incomplete.renews_at) == (END, 1, END)
    assert incomplete.period(1).end == dt.datetime(2026, 5, 3, 7, tzinfo=dt.UTC)


def test_a_trial_begins_once(trialing: Subscription) -> None:
    assert status_and_reason(trialing) == ("trialing", "")
    assert not trials.begin_trial(subscription=trialing, actor=TESTS, at=START)
    assert list(trialing.changes.order_by("id").values_list("kind", flat=True)) == ["started", "trial_started"]


def test_a_trial_whose_card_was_not_saved_is_canceled_at_its_end(incomplete: Subscription) -> None:
    renewals.begin_due_renewals(at=END - dt.timedelta(seconds=1))
    assert status_and_reason(incomplete) == ("incomplete", "")

    renewals.begin_due_renewals(at=END)

    assert status_and_reason(incomplete) == ("canceled", "trial_not_started")
    assert incomplete.periods.count() == 1


def test_a_subscription_without_a_trial_is_not_canceled_at_the_end_of_its_period(coffee: Plan) -> None:
    subscription = started_subscription(coffee, at=START)
    renewals.begin_due_renewals(at=subscription.current_period_end)
    assert status_and_reason(subscription) == ("incomplete", "")


def test_an_extension_moves_the_end_and_the_anchor(trialing: Subscription) -> None:
    planned = pending_changes.Planned(kind=PendingChange.Kind.CANCEL, reason="customer")
    pending_changes.plan_change(subscription=trialing, planned=planned, actor=TESTS, at=START)

    period = extend(trialing, 7)

    later = dt.datetime(2026, 4, 10, 7, tzinfo=dt.UTC)
    trialing.refresh_from_db()
    assert (period.end, trialing.current_period_end, trialing.renews_at) == (later, later, later)
    assert (trialing.anchor_at, trialing.anchor_number, trialing.period_number) == (later, 1, 0)
    change = trialing.changes.get(kind="trial_extended")
    assert change.details == {"days": 7, "from_end": END.isoformat(), "to_end": later.isoformat()}
    renewals.begin_due_renewals(at=END)
    assert status_and_reason(trialing) == ("trialing", "")
    renewals.begin_due_renewals(at=later)
    assert status_and_reason(trialing) == ("canceled", "customer"), "the planned change moved along"


def test_an_extension_to_a_day_keeps_the_local_time(trialing: Subscription) -> None:
    assert extend(trialing, dt.date(2026, 11, 2)).end == dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
    for earlier in (dt.date(2026, 11, 2), dt.date(2026, 4, 1), 0, -1):
        with pytest.raises(trials.UnableToExtend, match="ends on 2026-11-02"):
            extend(trialing, earlier)


def test_a_trial_has_at_most_730_days(trialing: Subscription) -> None:
    for too_long in (717, 10**12, dt.date.max):
        with pytest.raises(trials.UnableToExtend, match="at most 716 days"):
            extend(trialing, too_long)
    assert extend(trialing, 716).end == dt.datetime(2028, 3, 19, 8, tzinfo=dt.UTC)
    with pytest.raises(trials.UnableToExtend, match="at most 0 days"):
        extend(trialing, 1)


def test_only_a_running_trial_is_extended(incomplete: Subscription, magazine: Plan) -> None:
    with pytest.raises(trials.UnableToExtend):
        extend(incomplete, 7)
    trials.begin_trial(subscription=incomplete, actor=TESTS, at=START)
    with pytest.raises(trials.UnableToExtend):
        extend(incomplete, 7, at=END)
    renewals.begin_due_renewals(at=END)
    with pytest.raises(trials.UnableToExtend):
        extend(incomplete, 7, at=END)
    incomplete.refresh_from_db()
    assert incomplete.period_number == 1
