"""Billing periods: the boundaries that people expect, and the rules that hold for every anchor and time zone."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.billing_periods import BillingCycle, Interval, Unit

MONTHLY = Interval(unit=Unit.MONTH)

# Local start, time zone, interval, and the four boundaries that follow, in UTC. Computed with two independent
# implementations; the rows for January 31 and for June 3 are Stripe's own examples.
BOUNDARIES = [
    ("2026-01-31 10:00", "UTC", Interval(unit=Unit.MONTH, count=1),
     "2026-02-28 10:00 | 2026-03-31 10:00 | 2026-04-30 10:00 | 2026-05-31 10:00"),
    ("2028-01-31 10:00", "UTC", Interval(unit=Unit.MONTH, count=1),
     "2028-02-29 10:00 | 2028-03-31 10:00 | 2028-04-30 10:00 | 2028-05-31 10:00"),
    ("2026-01-30 10:00", "UTC", Interval(unit=Unit.MONTH, count=1),
     "2026-02-28 10:00 | 2026-03-30 10:00 | 2026-04-30 10:00 | 2026-05-30 10:00"),
    ("2026-01-29 10:00", "UTC", Interval(unit=Unit.MONTH, count=1),
     "2026-02-28 10:00 | 2026-03-29 10:00 | 2026-04-29 10:00 | 2026-05-29 10:00"),
    ("2026-02-28 10:00", "UTC", Interval(unit=Unit.MONTH, count=1),
     "2026-03-28 10:00 | 2026-04-28 10:00 | 2026-05-28 10:00 | 2026-06-28 10:00"),
    ("2028-02-29 10:00", "UTC", Interval(unit=Unit.MONTH, count=1),
     "2028-03-29 10:00 | 2028-04-29 10:00 | 2028-05-29 10:00 | 2028-06-29 10:00"),
    ("2026-08-31 10:00", "UTC", Interval(unit=Unit.MONTH, count=1),
     "2026-09-30 10:00 | 2026-10-31 10:00 | 2026-11-30 10:00 | 2026-12-31 10:00"),
    ("2026-12-31 10:00", "UTC", Interval(unit=Unit.MONTH, count=2),
     "2027-02-28 10:00 | 2027-04-30 10:00 | 2027-06-30 10:00 | 2027-08-31 10:00"),
    ("2026-11-30 10:00", "UTC", Interval(unit=Unit.MONTH, count=3),
     "2027-02-28 10:00 | 2027-05-30 10:00 | 2027-08-30 10:00 | 2027-11-30 10:00"),
    ("2026-08-31 10:00", "UTC", Interval(unit=Unit.MONTH, count=6),
     "2027-02-28 10:00 | 2027-08-31 10:00 | 2028-02-29 10:00 | 2028-08-31 10:00"),
    ("2027-02-28 10:00", "UTC", Interval(unit=Unit.YEAR, count=1),
     "2028-02-28 10:00 | 2029-02-28 10:00 | 2030-02-28 10:00 | 2031-02-28 10:00"),
    ("2024-02-29 10:00", "UTC", Interval(unit=Unit.YEAR, count=1),
     "2025-02-28 10:00 | 2026-02-28 10:00 | 2027-02-28 10:00 | 2028-02-29 10:00"),
    ("2024-02-29 10:00", "UTC", Interval(unit=Unit.YEAR, count=2),
     "2026-02-28 10:00 | 2028-02-29 10:00 | 2030-02-28 10:00 | 2032-02-29 10:00"),
    ("2096-02-29 10:00", "UTC", Interval(unit=Unit.YEAR, count=4),
     "2100-02-28 10:00 | 2104-02-29 10:00 | 2108-02-29 10:00 | 2112-02-29 10:00"),
    ("2026-12-25 10:00", "UTC", Interval(unit=Unit.WEEK, count=2),
     "2027-01-08 10:00 | 2027-01-22 10:00 | 2027-02-05 10:00 | 2027-02-19 10:00"),
    ("2022-06-03 10:00", "UTC", Interval(unit=Unit.WEEK, count=1),
     "2022-06-10 10:00 | 2022-06-17 10:00 | 2022-06-24 10:00 | 2022-07-01 10:00"),
    ("2026-03-15 09:00", "Europe/Berlin", Interval(unit=Unit.WEEK, count=2),
     "2026-03-29 07:00 | 2026-04-12 07:00 | 2026-04-26 07:00 | 2026-05-10 07:00"),
    ("2026-10-18 09:00", "Europe/Berlin", Interval(unit=Unit.WEEK, count=1),
     "2026-10-25 08:00 | 2026-11-01 08:00 | 2026-11-08 08:00 | 2026-11-15 08:00"),
    ("2026-01-31 09:00", "Europe/Berlin", Interval(unit=Unit.MONTH, count=1),
     "2026-02-28 08:00 | 2026-03-31 07:00 | 2026-04-30 07:00 | 2026-05-31 07:00"),
    ("2026-01-31 00:30", "Europe/Berlin", Interval(unit=Unit.MONTH, count=1),
     "2026-02-27 23:30 | 2026-03-30 22:30 | 2026-04-29 22:30 | 2026-05-30 22:30"),
    ("2026-01-29 02:30", "Europe/Berlin", Interval(unit=Unit.MONTH, count=1),
     "2026-02-28 01:30 | 2026-03-29 01:30 | 2026-04-29 00:30 | 2026-05-29 00:30"),
    ("2026-09-25 02:30", "Europe/Berlin", Interval(unit=Unit.MONTH, count=1),
     "2026-10-25 00:30 | 2026-11-25 01:30 | 2026-12-25 01:30 | 2027-01-25 01:30"),
    ("2026-02-08 02:30", "America/New_York", Interval(unit=Unit.MONTH, count=1),
     "2026-03-08 07:30 | 2026-04-08 06:30 | 2026-05-08 06:30 | 2026-06-08 06:30"),
    ("2026-10-01 01:30", "America/New_York", Interval(unit=Unit.MONTH, count=1),
     "2026-11-01 05:30 | 2026-12-01 06:30 | 2027-01-01 06:30 | 2027-02-01 06:30"),
    ("2026-01-31 20:00", "America/Los_Angeles", Interval(unit=Unit.MONTH, count=1),
     "2026-03-01 04:00 | 2026-04-01 03:00 | 2026-05-01 03:00 | 2026-06-01 03:00"),
    ("2017-03-31 23:30", "America/Los_Angeles", Interval(unit=Unit.MONTH, count=1),
     "2017-05-01 06:30 | 2017-06-01 06:30 | 2017-07-01 06:30 | 2017-08-01 06:30"),
    ("2026-01-31 00:10", "Asia/Kathmandu", Interval(unit=Unit.MONTH, count=1),
     "2026-02-27 18:25 | 2026-03-30 18:25 | 2026-04-29 18:25 | 2026-05-30 18:25"),
    ("2026-03-05 02:30", "Pacific/Auckland", Interval(unit=Unit.MONTH, count=1),
     "2026-04-04 13:30 | 2026-05-04 14:30 | 2026-06-04 14:30 | 2026-07-04 14:30"),
    ("2026-03-05 01:45", "Australia/Lord_Howe", Interval(unit=Unit.MONTH, count=1),
     "2026-04-04 14:45 | 2026-05-04 15:15 | 2026-06-04 15:15 | 2026-07-04 15:15"),
    ("2011-11-30 10:00", "Pacific/Apia", Interval(unit=Unit.MONTH, count=1),
     "2011-12-30 20:00 | 2012-01-29 20:00 | 2012-02-28 20:00 | 2012-03-29 20:00"),
    ("2018-10-04 00:00", "America/Sao_Paulo", Interval(unit=Unit.MONTH, count=1),
     "2018-11-04 03:00 | 2018-12-04 02:00 | 2019-01-04 02:00 | 2019-02-04 02:00"),
    ("2026-03-24 00:00", "Africa/Cairo", Interval(unit=Unit.MONTH, count=1),
     "2026-04-23 22:00 | 2026-05-23 21:00 | 2026-06-23 21:00 | 2026-07-23 21:00"),
]  # fmt: skip


def local(text: str, zone: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def cycle(start: str, zone: str = "UTC", interval: Interval = MONTHLY) -> BillingCycle:
    return BillingCycle(anchor_at=local(start, zone), time_zone=zone, interval=interval)


@pytest.mark.parametrize(
    ("start", "zone", "interval", "expected"), BOUNDARIES, ids=[f"{row[0]} {row[1]}" for row in BOUNDARIES]
)
def test_boundaries(start: str, zone: str, interval: Interval, expected: str) -> None:
    found = [cycle(start, zone, interval).boundary(number) for number in range(1, 5)]
    assert found == [utc(boundary) for boundary in expected.split(" | ")]


def test_a_month_end_never_drifts_in_two_years() -> None:
    """A cycle from the 31st is billed on the last day of each month, also after February."""
    days = [cycle("2026-01-31 10:00").boundary(number) for number in range(24)]
    assert all(day.day == 31 or (day + dt.timedelta(days=1)).day == 1 for day in days)


def test_the_period_after_an_outage_is_the_one_that_contains_now() -> None:
    period = cycle("2026-01-31 10:00").period_at(utc("2026-05-02 00:00"))
    assert (period.number, period.start, period.end) == (3, utc("2026-04-30 10:00"), utc("2026-05-31 10:00"))


def test_a_trial_ends_at_the_same_local_hour_after_daylight_saving_time_begins() -> None:
    trial = cycle("2026-03-20 09:00", "Europe/Berlin", Interval(unit=Unit.DAY, count=14))
    assert trial.boundary(1) == utc("2026-04-03 07:00")


def test_the_day_of_the_month_is_the_customers_day() -> None:
    anchor = utc("2012-07-16 21:17:03")
    in_paris = BillingCycle(anchor_at=anchor, time_zone="Europe/Paris", interval=MONTHLY).boundary(6)
    in_tokyo = BillingCycle(anchor_at=anchor, time_zone="Asia/Tokyo", interval=MONTHLY).boundary(6)
    assert in_paris.astimezone(ZoneInfo("Europe/Paris")).day == 16
    assert in_tokyo.astimezone(ZoneInfo("Asia/Tokyo")).day == 17


def test_there_is_no_period_before_the_anchor() -> None:
    with pytest.raises(ValueError, match="before the anchor"):
        cycle("2026-01-31 10:00").period_at(utc("2026-01-31 09:59"))


ANY_CYCLE = st.builds(
    BillingCycle,
    anchor_at=st.datetimes(dt.datetime(1995, 1, 1), dt.datetime(2040, 1, 1), timezones=st.just(dt.UTC)),
    time_zone=st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})),
    interval=st.builds(Interval, unit=st.sampled_from(Unit), count=st.integers(1, 13)),
)


@given(ANY_CYCLE)
def test_periods_tile_time_for_twenty_years(any_cycle: BillingCycle) -> None:
    end = any_cycle.anchor_at + dt.timedelta(days=20 * 366)
    periods, number = [any_cycle.period(0)], 0
    while periods[-1].end < end and number < 1100:
        number += 1
        periods.append(any_cycle.period(number))
    assert periods[0].start == any_cycle.anchor_at
    assert all(earlier.end == later.start for earlier, later in pairwise(periods))
    assert all(period.start < period.end for period in periods)


@given(ANY_CYCLE, st.timedeltas(dt.timedelta(0), dt.timedelta(days=20 * 366)))
def test_every_instant_is_in_one_period(any_cycle: BillingCycle, after: dt.timedelta) -> None:
    at = any_cycle.anchor_at + after
    period = any_cycle.period_at(at)
    assert period.start <= at < period.end
    assert period == any_cycle.period(period.number)
