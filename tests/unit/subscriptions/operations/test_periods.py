"""The billing periods that the operations record: they tile time, for every zone and interval and after outages."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from subscriptions.models import BillingPeriod, Plan, Subscription
from subscriptions.operations.periods import begin_due_periods, due_periods
from subscriptions.time_zones import known_time_zone
from tests.support.concurrency import at_once
from tests.support.factories import make_customer, make_plan, started_subscription

START = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "America/Sao_Paulo", "Asia/Kathmandu",
    "Pacific/Auckland", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "Africa/Casablanca", "America/Nuuk",
]  # fmt: skip


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def recorded(subscription: Subscription) -> list[tuple[int, str, str, str]]:
    rows = BillingPeriod.objects.filter(subscription=subscription).order_by("number")
    return [(row.number, f"{row.start:%m-%d %H}", f"{row.end:%m-%d %H}", row.outcome) for row in rows]


def test_a_subscription_starts_with_its_first_period(coffee: Plan) -> None:
    subscription = started_subscription(coffee, at=START)
    assert recorded(subscription) == [(0, "01-31 10", "02-28 10", "billed")]
    assert (subscription.anchor_at, subscription.anchor_number, subscription.period_number) == (START, 0, 0)
    assert subscription.renews_at == subscription.current_period_end == utc("2026-02-28 10:00")


def test_each_period_begins_when_the_one_before_it_ends(coffee: Plan) -> None:
    subscription = started_subscription(coffee, at=START)
    for day in ("2026-02-28", "2026-03-31", "2026-04-30"):
        [period] = begin_due_periods(subscription=subscription, at=utc(f"{day} 10:00"))
        assert (period.start, period.outcome) == (utc(f"{day} 10:00"), "due")
    assert [row[1] for row in recorded(subscription)] == ["01-31 10", "02-28 10", "03-31 10", "04-30 10"]
    subscription.refresh_from_db()
    assert (subscription.period_number, subscription.renews_at) == (3, utc("2026-05-31 10:00"))
    assert subscription.current_period_start == utc("2026-04-30 10:00")


def test_nothing_is_due_before_the_period_ends(coffee: Plan) -> None:
    subscription = started_subscription(coffee, at=START)
    assert begin_due_periods(subscription=subscription, at=utc("2026-02-28 09:59")) == []
    assert len(recorded(subscription)) == 1


def test_after_an_outage_the_current_period_is_due_and_the_others_are_missed(coffee: Plan) -> None:
    """Vector 33 of the billing vectors: the shop bills once, not three times."""
    subscription = started_subscription(coffee, at=START)
    begin_due_periods(subscription=subscription, at=utc("2026-05-02 00:00"))
    assert recorded(subscription) == [
        (0, "01-31 10", "02-28 10", "billed"),
        (1, "02-28 10", "03-31 10", "missed"),
        (2, "03-31 10", "04-30 10", "missed"),
        (3, "04-30 10", "05-31 10", "due"),
    ]
    subscription.refresh_from_db()
    assert subscription.period_number == 3


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_period_begins_at_the_recorded_end_if_the_rules_of_the_zone_have_changed(coffee: Plan, hours: int) -> None:
    """A later version of the zone's rules moves the calculated boundary, not the recorded one."""
    subscription = started_subscription(coffee, at=START)
    end = utc("2026-02-28 10:00") + dt.timedelta(hours=hours)
    Subscription.objects.update(current_period_end=end, renews_at=end)
    BillingPeriod.objects.update(end=end)

    [period] = begin_due_periods(subscription=subscription, at=end)

    assert (period.number, period.start, period.end) == (1, end, utc("2026-03-31 10:00"))
    assert begin_due_periods(subscription=subscription, at=end) == []


def test_a_subscription_that_does_not_renew_begins_no_period(coffee: Plan) -> None:
    subscription = started_subscription(coffee, at=START)
    Subscription.objects.update(renews_at=None)
    assert begin_due_periods(subscription=subscription, at=utc("2027-01-01 00:00")) == []


def test_a_stale_copy_of_the_subscription_begins_no_period_again(coffee: Plan) -> None:
    subscription = started_subscription(coffee, at=START)
    stale = Subscription.objects.get()
    begin_due_periods(subscription=subscription, at=utc("2026-03-01 00:00"))
    assert begin_due_periods(subscription=stale, at=utc("2026-03-01 00:00")) == []
    assert len(recorded(subscription)) == 2


def test_concurrent_calls_begin_a_period_once(transactional_db: None, coffee: Plan) -> None:
    subscription = started_subscription(coffee, at=START)

    def begin() -> list[Any]:
        return begin_due_periods(subscription=Subscription.objects.get(), at=utc("2026-03-01 00:00"))

    assert sorted(len(result) for result in at_once(begin, times=4)) == [0, 0, 0, 1]
    assert len(recorded(subscription)) == 2


def test_periods_after_a_new_anchor_go_on_counting(coffee: Plan) -> None:
    """As after a pause or a trial: period 3 begins at the new anchor."""
    subscription = started_subscription(coffee, at=START)
    new = {"anchor_at": utc("2026-06-15 10:00"), "anchor_number": 3, "period_number": 3}
    period = {"current_period_start": utc("2026-06-15 10:00"), "current_period_end": utc("2026-07-15 10:00")}
    Subscription.objects.update(**new, **period, renews_at=utc("2026-07-15 10:00"))
    subscription.refresh_from_db()
    due = due_periods(subscription=subscription, at=utc("2026-08-20 00:00"))
    assert [(row.number, f"{row.start:%m-%d}", row.outcome) for row in due] == [
        (4, "07-15", "missed"),
        (5, "08-15", "due"),
    ]


@pytest.mark.parametrize("name", ZONES)
def test_the_zones_of_these_tests_exist(name: str) -> None:
    assert known_time_zone(name) == name


class Tiling(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(
        zone=st.sampled_from(ZONES),
        interval=st.sampled_from([("week", 1), ("week", 2), ("month", 1), ("month", 3), ("month", 6), ("year", 1)]),
        local=st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2028, 12, 31)),
        runs=st.lists(st.integers(1, 120 * 24), min_size=1, max_size=25),
    )
    def test_periods_tile_time_without_gap_or_overlap(
        self, zone: str, interval: tuple[str, int], local: dt.datetime, runs: list[int]
    ) -> None:
        """``runs``: the hours between two runs of the scheduler, from an hour to an outage of 120 days."""
        at = local.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
        plan = make_plan(interval=interval[0], interval_count=interval[1])
        buyer = make_customer(email=f"{plan.code}@example.com")
        subscription = started_subscription(plan, time_zone=zone, at=at, customer=buyer)
        for hours in runs:
            at += dt.timedelta(hours=hours)
            due = begin_due_periods(subscription=subscription, at=at)
            assert [row.outcome for row in due[:-1]] == ["missed"] * (len(due) - 1)
            subscription.refresh_from_db()
            assert subscription.current_period_start <= at < subscription.current_period_end

        rows = list(BillingPeriod.objects.filter(subscription=subscription).order_by("number"))
        assert [row.number for row in rows] == list(range(len(rows)))
        assert rows[0].start == local.replace(tzinfo=ZoneInfo(zone))
        for row, following in pairwise(rows):
            assert row.end == following.start
        assert (rows[-1].start, rows[-1].end) == (subscription.current_period_start, subscription.current_period_end)
