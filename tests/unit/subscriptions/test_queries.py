from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from integrations.errors import PermanentError
from subscriptions import queries
from subscriptions.models import Plan
from tests.support.factories import change_price, make_customer, make_plan

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_a_customer_is_read_as_stored_now() -> None:
    ann = make_customer()
    assert queries.customer(customer_id=ann.pk) == ann


def test_an_unknown_customer_is_a_permanent_error() -> None:
    with pytest.raises(queries.CustomerNotFound) as caught:
        queries.customer(customer_id=uuid4())
    assert isinstance(caught.value, PermanentError)


def test_plans_that_are_active_and_within_their_dates_are_for_sale(magazine: Plan, coffee: Plan) -> None:
    make_plan(code="a-retired-plan", is_active=False)
    make_plan(code="christmas-tea", available_from=NOW + HOUR, available_until=NOW + 2 * HOUR)
    assert codes_for_sale(NOW) == ["coffee-monthly", "magazine-monthly"]
    assert codes_for_sale(NOW + HOUR) == ["christmas-tea", "coffee-monthly", "magazine-monthly"]
    assert codes_for_sale(NOW + 2 * HOUR) == ["coffee-monthly", "magazine-monthly"]


def test_a_plan_is_for_sale_at_its_highest_version(coffee: Plan) -> None:
    newer = change_price(coffee, amount=1490)
    assert queries.price_for_sale(code="coffee-monthly", at=NOW) == newer
    assert [price.amount for price in queries.prices_for_sale(at=NOW)] == [1490]
    assert queries.current_price(plan=coffee) == newer


def test_a_plan_that_is_not_for_sale_has_no_price_for_sale(coffee: Plan) -> None:
    Plan.objects.create(code="no-price-yet", name="Tea")
    make_plan(code="a-retired-plan", is_active=False)
    for code in ("no-price-yet", "a-retired-plan", "unknown"):
        assert queries.price_for_sale(code=code, at=NOW) is None


def codes_for_sale(at: dt.datetime) -> list[str]:
    return [price.plan.code for price in queries.prices_for_sale(at=at)]
