"""A quote: possible terms, the usual time of a change, and the purge of unused quotes."""

from __future__ import annotations

import datetime as dt

import pytest

from orders.models import Quote
from orders.operations.plan_changes.quotes import ImpossibleTerms, purge_unused_quotes
from subscriptions.models import Plan, Subscription
from tests.support.days import NOW
from tests.support.factories import change_price, make_plan
from tests.support.plan_changes import PAYMENT, PERIOD_END, paid_subscription, quote, use

pytestmark = pytest.mark.django_db

LATER = NOW + dt.timedelta(days=10)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return paid_subscription(coffee, quantity=2)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"plan": "unknown"}, "plan"),
        ({"plan": "old"}, "plan"),
        ({"plan": "dollars"}, "plan"),
        ({"plan": "shipped"}, "plan"),
        ({"plan": "coffee-monthly"}, "plan"),
        ({"quantity": 2}, "plan"),
        ({"plan": "expensive"}, "quantity"),
    ],
)
def test_impossible_terms(subscription: Subscription, wish: dict[str, object], field: str) -> None:
    make_plan(code="old", is_active=False)
    make_plan(code="dollars", currency="USD")
    make_plan(code="shipped", needs_address=True)
    make_plan(code="expensive", amount=99_999_999)
    with pytest.raises(ImpossibleTerms) as refused:
        quote(subscription, at=LATER, **wish)
    assert refused.value.field == field


def test_a_subscription_that_stays_on_its_plan_keeps_its_price(subscription: Subscription, coffee: Plan) -> None:
    change_price(coffee, amount=9900)
    Plan.objects.filter(pk=coffee.pk).update(is_active=False)
    assert quote(subscription, at=LATER, quantity=3).price.amount == 1290


@pytest.mark.parametrize(
    ("wish", "when"),
    [
        ({"quantity": 3}, PAYMENT),
        ({"quantity": 1}, PERIOD_END),
        ({"plan": "same", "quantity": 2}, PAYMENT),
        ({"plan": "weekly"}, PAYMENT),  # 400 a week are more than 1290 a month
        ({"plan": "yearly"}, PERIOD_END),  # 12000 a year are less
        ({"quantity": 1, "when": PAYMENT}, PAYMENT),
        ({"quantity": 3, "when": PERIOD_END}, PERIOD_END),
    ],
)
def test_a_change_that_costs_more_is_made_now(
    subscription: Subscription, wish: dict[str, object], when: str
) -> None:
    make_plan(code="same", amount=1290)
    make_plan(code="weekly", amount=400, interval="week")
    make_plan(code="yearly", amount=12000, interval="year")
    assert quote(subscription, at=LATER, **wish).when == when


def test_the_version_and_the_life_of_a_quote(subscription: Subscription) -> None:
    found = quote(subscription, at=LATER, quantity=3)
    assert (found.at, found.expires_at) == (LATER, LATER + dt.timedelta(minutes=15))
    assert found.last_change == subscription.changes.latest("pk").pk


def test_unused_quotes_are_deleted_a_day_after_they_expired(subscription: Subscription) -> None:
    quote(subscription, at=LATER, quantity=3)
    used, recent = quote(subscription, at=LATER, quantity=4), quote(subscription, at=LATER, quantity=5)
    use(used, at=LATER)
    Quote.objects.filter(pk=recent.pk).update(expires_at=LATER + dt.timedelta(hours=1))

    assert purge_unused_quotes(at=LATER + dt.timedelta(hours=24, minutes=15)) == 1

    assert set(Quote.objects.values_list("pk", flat=True)) == {used.pk, recent.pk}
