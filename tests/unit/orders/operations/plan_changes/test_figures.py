"""The cost of a change: the examples of Polar, Stripe and Chargebee, through quotes and orders."""

from __future__ import annotations

import datetime as dt

import pytest

from orders.models import Order
from subscriptions.models import BillingPeriod, Plan, Subscription
from tests.support.factories import make_plan
from tests.support.plan_changes import (
    PERIOD_END,
    balance_entries,
    lines_of,
    paid_change,
    paid_subscription,
    quote,
)

pytestmark = pytest.mark.django_db

JUNE = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
JULY = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)


def june(day: int) -> dt.datetime:
    return JUNE.replace(day=day)


def amounts(subscription: Subscription, *, at: dt.datetime, **wish: object) -> tuple[int, int]:
    """The credit and the debit of a change that is made and paid."""
    order = paid_change(subscription, at=at, **wish).order
    assert order is not None
    found = dict(lines_of(order))
    return -found.get("unused", 0), found.get("debit", found.get("period", 0))


def plans(*amounts: int, **fields: str) -> list[Plan]:
    return [make_plan(code=f"p{amount}", amount=amount, **fields) for amount in amounts]


def test_three_changes_in_one_month() -> None:
    first, *_ = plans(10000, 20000, 30000, 40000)
    subscription = paid_subscription(first, at=JUNE)

    found = [amounts(subscription, at=june(day), plan=f"p{to}") for day, to in ((7, 20000), (13, 30000), (19, 40000))]

    assert found == [(8000, 16000), (12000, 18000), (12000, 16000)]
    assert list(Order.objects.order_by("placed_at").values_list("amount", flat=True)) == [10000, 8000, 6000, 4000]


@pytest.mark.parametrize(
    ("price", "before", "after", "amount", "balance"),
    [(1000, 5, 8, 1500, []), (1500, 10, 7, 0, [("change", 2250)])],
)
def test_another_quantity_halfway(
    price: int, before: int, after: int, amount: int, balance: list[tuple[str, int]]
) -> None:
    (plan,) = plans(price)
    subscription = paid_subscription(plan, at=JUNE, quantity=before)
    order = paid_change(subscription, at=june(16), quantity=after).order
    assert order is not None
    assert (order.amount, balance_entries(subscription)) == (amount, balance)


def test_two_units_to_three_of_another_plan() -> None:
    first, _ = plans(1290, 2490)
    subscription = paid_subscription(first, at=JULY, quantity=2)
    assert amounts(subscription, at=JULY + dt.timedelta(days=15), plan="p2490", quantity=3) == (1332, 3855)


def test_the_last_day_of_july_is_carried() -> None:
    first, _ = plans(1000, 1500)
    subscription = paid_subscription(first, at=JULY)
    assert amounts(subscription, at=JULY + dt.timedelta(days=30), plan="p1500") == (32, 48)
    assert balance_entries(subscription) == [("change", -16)]


def test_an_earlier_changes_debit_is_credited_by_the_time_that_it_paid_for() -> None:
    """1702 were paid with 21 days left. With 11 left 892 are unused, not 11/31 of the full price, which are 891."""
    first, *_ = plans(1000, 2512, 5000)
    subscription = paid_subscription(first, at=JULY)
    assert amounts(subscription, at=JULY + dt.timedelta(days=10), plan="p2512")[1] == 1702
    assert amounts(subscription, at=JULY + dt.timedelta(days=20), plan="p5000")[0] == 892


def test_a_year_becomes_a_month() -> None:
    (year,) = plans(100000, interval="year")
    plans(10000)
    subscription = paid_subscription(year, at=JUNE)
    at = dt.datetime(2025, 8, 13, tzinfo=dt.UTC)

    assert amounts(subscription, at=at, plan="p10000") == (80000, 10000)

    assert (subscription.anchor_at, subscription.anchor_number, subscription.period_number) == (at, 1, 1)
    assert subscription.renews_at == dt.datetime(2025, 9, 13, tzinfo=dt.UTC)
    assert balance_entries(subscription) == [("change", 70000)]
    assert [period.end for period in BillingPeriod.objects.order_by("number")] == [at, subscription.renews_at]


def test_yen_have_no_decimals() -> None:
    first, _ = plans(500, 1200, currency="JPY")
    february = dt.datetime(2025, 2, 1, tzinfo=dt.UTC)
    subscription = paid_subscription(first, at=february)
    assert amounts(subscription, at=february + dt.timedelta(days=14), plan="p1200") == (250, 600)


def test_refunds_reduce_the_credit() -> None:
    first, *_ = plans(10000, 20000, 30000)
    subscription = paid_subscription(first, at=JUNE)
    Order.objects.update(amount_refunded=4000)
    assert amounts(subscription, at=june(16), plan="p20000") == (3000, 10000)
    Order.objects.filter(kind="change").update(amount_refunded=1000)
    assert amounts(subscription, at=june(16), plan="p30000")[0] == 9000


def test_a_wholly_refunded_period_gives_no_credit() -> None:
    first, _ = plans(10000, 20000)
    subscription = paid_subscription(first, at=JUNE)
    Order.objects.update(amount_refunded=10000, status="refunded")
    assert amounts(subscription, at=june(16), plan="p20000") == (0, 10000)


def test_a_later_change_costs_nothing_now() -> None:
    first, _ = plans(1000, 2000)
    subscription = paid_subscription(first, at=JUNE)
    found = quote(subscription, at=june(16), plan="p2000", when=PERIOD_END)
    assert (found.amount, found.is_prorated, found.next_amount) == (0, False, 2000)
    assert found.applies_at == found.next_at == JULY


def test_after_the_cut_off_a_later_change_concerns_the_delivery_after_the_next() -> None:
    first, _ = plans(1000, 2000)
    Plan.objects.update(cut_off_hours=48)
    subscription = paid_subscription(first, at=JUNE)
    found = quote(subscription, at=june(30), plan="p2000", when=PERIOD_END)
    assert (found.next_at, found.next_amount) == (JULY, 1000)
    assert found.applies_at == dt.datetime(2025, 8, 1, tzinfo=dt.UTC)


def test_a_trial_is_changed_without_a_charge() -> None:
    first, _ = plans(1000, 2000)
    subscription = paid_subscription(first, at=JUNE)
    BillingPeriod.objects.update(outcome="trial")
    Subscription.objects.update(status="trialing")

    placed = paid_change(subscription, at=june(16), plan="p2000")

    assert (placed.outcome, placed.order, placed.quote.next_amount) == ("applied", None, 2000)
    assert (subscription.price.amount, subscription.renews_at) == (2000, JULY)
