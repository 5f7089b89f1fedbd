"""A customer skips a coming delivery before its cut-off, and undoes that."""

from __future__ import annotations

import datetime as dt

import pytest

from subscriptions.models import BillingPeriod, Hold, Plan, Skip, Subscription, SubscriptionChange
from subscriptions.operations import holds, renewals, resumption, skips, subscriptions
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.commands import Command
from subscriptions.operations.skips import UnableToSkip
from tests.support.concurrency import at_once
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS, put_in_status

pytestmark = pytest.mark.django_db(transaction=True)

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
FIRST = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)  # the start of period 1
SECOND = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)
CUT_OFF = FIRST - dt.timedelta(hours=48)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    Plan.objects.update(max_skips=2, cut_off_hours=48)
    started = started_subscription(coffee, at=NOW)
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    return started


def skip(subscription: Subscription, number: int = 1, *, at: dt.datetime = NOW, command: Command | None = None) -> bool:
    return skips.skip(subscription_id=subscription.pk, period_number=number, actor=TESTS, at=at, command=command)


def unskip(subscription: Subscription, number: int = 1, *, at: dt.datetime = NOW) -> bool:
    return skips.unskip(subscription_id=subscription.pk, period_number=number, actor=TESTS, at=at)


def skipped() -> list[int]:
    return list(Skip.objects.order_by("period_number").values_list("period_number", flat=True))


def renew(at: dt.datetime) -> int:
    """Run the scheduler. Returns the number of periods to bill."""
    return renewals.begin_batch(at=at, first_slot=at)[1]


def outcomes() -> list[str]:
    return list(BillingPeriod.objects.order_by("number").values_list("outcome", flat=True))


def test_a_skipped_period_is_not_billed_and_the_next_one_keeps_its_date(subscription: Subscription) -> None:
    skip(subscription)

    assert renew(FIRST) == 0
    assert renew(SECOND) == 1

    assert outcomes() == ["billed", "skipped", "due"]
    subscription.refresh_from_db()
    assert (subscription.anchor_at, subscription.current_period_start) == (NOW, SECOND)


def test_an_undone_skip_is_billed(subscription: Subscription) -> None:
    skip(subscription)
    assert unskip(subscription)
    assert renew(FIRST) == 1
    assert skipped() == []


def test_the_cut_off_is_the_last_moment(subscription: Subscription) -> None:
    assert skip(subscription, at=CUT_OFF - dt.timedelta(seconds=1))
    assert unskip(subscription, at=CUT_OFF - dt.timedelta(seconds=1))
    with pytest.raises(UnableToSkip, match="could be changed until 2026-02-26T12:00:00"):
        skip(subscription, at=CUT_OFF)
    assert skip(subscription, 2, at=CUT_OFF)


def test_a_skip_cannot_be_undone_after_the_cut_off(subscription: Subscription) -> None:
    skip(subscription)
    with pytest.raises(UnableToSkip, match="could be changed until"):
        unskip(subscription, at=CUT_OFF)
    assert skipped() == [1]


@pytest.mark.parametrize("number", [0, skips.MAX_COMING + 1, 2_000_000_000])
def test_only_coming_periods_can_be_skipped(subscription: Subscription, number: int) -> None:
    with pytest.raises(UnableToSkip, match="These are: 1 to 6"):
        skip(subscription, number)


def test_the_plan_limits_the_coming_skips(subscription: Subscription) -> None:
    skip(subscription, 1)
    skip(subscription, 2)
    with pytest.raises(ActionNotAllowed):
        skip(subscription, 3)
    renew(FIRST)
    assert skip(subscription, 3, at=FIRST), "the skip of the period that has begun does not count"


def test_a_period_is_skipped_once(subscription: Subscription) -> None:
    skip(subscription)
    with pytest.raises(UnableToSkip, match="skipped already"):
        skip(subscription)


def test_two_skips_at_once_skip_once(subscription: Subscription) -> None:
    results = at_once(lambda: skip(subscription), times=2)
    assert [result for result in results if result is True] == [True]
    assert skipped() == [1]


def test_only_a_skipped_period_can_be_unskipped(subscription: Subscription) -> None:
    with pytest.raises(ActionNotAllowed):
        unskip(subscription)
    skip(subscription, 1)
    with pytest.raises(UnableToSkip, match="Period 2 is not skipped"):
        unskip(subscription, 2)


def test_a_repeated_command_skips_once(subscription: Subscription) -> None:
    command = Command(key="k", request_hash="h")
    assert skip(subscription, command=command)
    unskip(subscription)
    assert not skip(subscription, command=command)
    assert skipped() == []


@pytest.mark.parametrize("status", ["incomplete", "trialing", "past_due", "paused", "canceled"])
def test_only_an_active_subscription_skips(subscription: Subscription, status: str) -> None:
    put_in_status(status, "customer")
    with pytest.raises(ActionNotAllowed):
        skip(subscription)


def test_each_step_is_recorded(subscription: Subscription) -> None:
    skip(subscription, 2)
    unskip(subscription, 2)
    rows = SubscriptionChange.objects.order_by("id").values_list("kind", "actor", "details")
    assert list(rows)[2:] == [
        ("period_skipped", "tests", {"period_number": 2}),
        ("skip_undone", "tests", {"period_number": 2}),
    ]


def test_a_new_cycle_ends_the_skips_of_the_old_dates(subscription: Subscription) -> None:
    skip(subscription, 1)
    skip(subscription, 2)
    renew(FIRST)
    holds.place_hold(subscription=subscription, reason=Hold.Reason.CUSTOMER, actor=TESTS, at=FIRST)

    resumption.lift_hold(
        subscription=subscription,
        reason=Hold.Reason.CUSTOMER,
        is_overdue=False,
        actor=TESTS,
        at=SECOND + dt.timedelta(days=3),
    )

    assert outcomes() == ["billed", "skipped", "gap", "due"]
    assert skipped() == [1]


def test_coming_periods_show_their_cut_off_and_skips(subscription: Subscription) -> None:
    skip(subscription, 2)
    subscription.refresh_from_db()
    coming = skips.coming_periods(subscription=subscription)
    assert [period.number for period in coming] == [1, 2, 3, 4, 5, 6]
    assert (coming[0].start, coming[0].end, coming[0].cut_off_at) == (FIRST, SECOND, CUT_OFF)
    assert [period.number for period in coming if period.is_skipped] == [2]


def test_nothing_comes_without_a_delivery_or_a_renewal(subscription: Subscription, magazine: Plan) -> None:
    Subscription.objects.update(renews_at=None)
    subscription.refresh_from_db()
    assert skips.coming_periods(subscription=subscription) == []
    Subscription.objects.all().delete()
    customer = subscription.customer
    digital = started_subscription(magazine, at=NOW, customer=customer)
    assert skips.coming_periods(subscription=digital) == []
