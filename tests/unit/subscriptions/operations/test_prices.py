"""Setting the price of a plan: each change is a new version."""

from __future__ import annotations

import datetime as dt

import pytest

from subscriptions import actors
from subscriptions.models import Plan, Price, Subscription
from subscriptions.operations.prices import Terms, set_price
from subscriptions.queries import current_price
from tests.support.concurrency import at_once
from tests.support.factories import make_order

NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
STAFF = actors.system("tests")
TERMS = Terms(amount=1490, currency="EUR")


def versions() -> list[tuple[int, int]]:
    return list(Price.objects.order_by("version").values_list("version", "amount"))


def test_a_change_makes_a_new_version_with_its_actor(coffee: Plan) -> None:
    price = set_price(plan=coffee, terms=TERMS, actor=STAFF, at=NOW)
    assert versions() == [(1, 1290), (2, 1490)]
    assert current_price(plan=coffee) == price
    assert (price.created_at, price.created_by_kind, price.created_by) == (NOW, "system", "tests")


def test_the_same_terms_make_no_new_version(coffee: Plan) -> None:
    first = set_price(plan=coffee, terms=TERMS, actor=STAFF, at=NOW)
    assert set_price(plan=coffee, terms=TERMS, actor=STAFF, at=NOW) == first
    assert versions() == [(1, 1290), (2, 1490)]


@pytest.mark.parametrize("terms", [{"currency": "USD"}, {"interval": "year"}, {"interval_count": 2}])
def test_each_term_makes_a_version(coffee: Plan, terms: dict[str, object]) -> None:
    set_price(plan=coffee, terms=Terms(**{"amount": 1290, "currency": "EUR", **terms}), actor=STAFF, at=NOW)
    assert versions() == [(1, 1290), (2, 1290)]


def test_an_earlier_price_may_come_back_as_a_new_version(coffee: Plan) -> None:
    set_price(plan=coffee, terms=TERMS, actor=STAFF, at=NOW)
    set_price(plan=coffee, terms=Terms(amount=1290, currency="EUR"), actor=STAFF, at=NOW)
    assert versions() == [(1, 1290), (2, 1490), (3, 1290)]


def test_running_subscriptions_keep_their_price(db: None) -> None:
    running = make_order().subscription
    set_price(plan=running.plan, terms=TERMS, actor=STAFF, at=NOW)
    assert Subscription.objects.get().price.amount == 1290
    assert make_order(customer={"email": "bob@example.com"}).amount == 1490


def test_concurrent_changes_make_one_version_each(transactional_db: None, coffee: Plan) -> None:
    amounts = iter([1390, 1490, 1590, 1690])
    results = at_once(
        lambda: set_price(plan=coffee, terms=Terms(amount=next(amounts), currency="EUR"), actor=STAFF, at=NOW), times=4
    )
    assert all(isinstance(result, Price) for result in results)
    assert [version for version, _ in versions()] == [1, 2, 3, 4, 5]
