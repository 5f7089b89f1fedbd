"""Proration: the figures of Stripe's, Polar's, Chargebee's and Kill Bill's own examples, and what always holds."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.proration import OutsidePeriod, Remainder

DAY = 86_400


def remainder(start: str, end: str, at: str, zone: str = "UTC") -> Remainder:
    instants = (dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in (start, end, at))
    start_at, end_at, at_ = (instant.astimezone(dt.UTC) for instant in instants)
    return Remainder.at(start=start_at, end=end_at, at=at_)


def days(left: float, total: int) -> Remainder:
    return Remainder(left=int(left * DAY), total=total * DAY)


JUNE = ("2025-06-01", "2025-07-01")

# The case, what is left of the period, the old and the new amount, the credit and the debit.
EXAMPLES = [
    ("Stripe: halfway", days(15, 30), 1000, 2000, 500, 1000),
    ("Stripe: a discounted upgrade", Remainder(left=1758521200 - 1756447600, total=1758521200 - 1755842800),
     2500, 10000, 1935, 7742),
    ("Polar: upgrade after a day", days(29, 30), 500, 2000, 483, 1933),
    ("Polar: downgrade after a day", days(29, 30), 2000, 500, 1933, 483),
    ("Polar: June 11", remainder(*JUNE, "2025-06-11"), 10000, 30000, 6667, 20000),
    ("Polar: a leap year's February", remainder("2024-02-18", "2024-03-18", "2024-02-25"), 10000, 30000, 7586, 22759),
    ("Polar: a year from August", remainder("2024-08-01", "2025-08-01", "2024-10-01"), 100000, 300000, 83288, 249863),
    ("Polar: a year with a leap day", remainder("2024-02-18", "2025-02-18", "2024-09-05"),
     100000, 300000, 45355, 136066),
    ("Chargebee: downgrade", remainder("2012-04-01", "2012-05-01", "2012-04-21"), 6000, 3000, 2000, 1000),
    ("Berlin, over the start of summer time",
     remainder("2026-03-15 09:00", "2026-04-15 09:00", "2026-03-30 09:00", "Europe/Berlin"), 1290, 2490, 667, 1287),
    ("yen, which have no decimals", days(14, 28), 500, 1200, 250, 600),
    ("the last day of July", remainder("2025-07-01", "2025-08-01", "2025-07-31"), 1000, 1500, 32, 48),
    ("two units to three of another plan", days(16, 31), 2 * 1290, 3 * 2490, 1332, 3855),
    ("five seats to eight, halfway", days(15, 30), 5 * 1000, 8 * 1000, 2500, 4000),
    ("ten seats to seven, halfway", days(15, 30), 10 * 1500, 7 * 1500, 7500, 5250),
]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "old", "new", "credit", "debit"), [row[1:] for row in EXAMPLES], ids=[row[0] for row in EXAMPLES]
)
def test_credit_and_debit(left: Remainder, old: int, new: int, credit: int, debit: int) -> None:
    assert (left.unused(old), left.unused(new)) == (credit, debit)


def test_a_year_is_credited_when_the_plan_becomes_monthly() -> None:
    assert remainder("2025-06-01", "2026-06-01", "2025-08-13").unused(100000) == 80000


def test_three_changes_in_one_month() -> None:
    prices = [10000, 20000, 30000, 40000]
    changes = [remainder(*JUNE, f"2025-06-{day:02}") for day in (7, 13, 19)]
    figures = [(left.unused(prices[n]), left.unused(prices[n + 1])) for n, left in enumerate(changes)]
    assert figures == [(8000, 16000), (12000, 18000), (12000, 16000)]


def test_thirty_of_thirty_one_days() -> None:
    assert days(30, 31).unused(995) == 963


def test_an_earlier_changes_debit_is_credited_by_the_time_that_it_paid_for() -> None:
    """1702 were paid with 21 days left. With 11 left 892 are unused, not 11/31 of the full price, which are 891."""
    assert Remainder(left=11 * DAY, total=21 * DAY).unused(1702) == 892
    assert days(11, 31).unused(2512) == 891


def test_an_instant_outside_the_period_is_refused() -> None:
    with pytest.raises(OutsidePeriod):
        remainder(*JUNE, "2025-07-02")


def test_of_less_than_a_second_nothing_is_left() -> None:
    assert remainder("2025-06-01T00:00:00.1", "2025-06-01T00:00:00.9", "2025-06-01T00:00:00.5").unused(1000) == 0


@given(st.integers(0, 99_999_999), st.integers(1, 400 * DAY), st.data())
def test_used_and_unused_add_up(amount: int, total: int, data: st.DataObject) -> None:
    left = Remainder(left=data.draw(st.integers(0, total)), total=total)
    assert left.used(amount) + left.unused(amount) == amount
    assert 0 <= left.unused(amount) <= amount
