"""Prices that Stripe does not charge: refused by the check with a reason, and by the database."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from subscriptions.billing_periods import Interval, Unit
from subscriptions.models import Plan, Price
from subscriptions.money import AMOUNT_STEPS, MAX_AMOUNT, MIN_AMOUNTS, why_not_chargeable
from tests.support.factories import make_plan

pytestmark = pytest.mark.django_db

CURRENCIES = ["EUR", "JPY", "KRW", *MIN_AMOUNTS, *AMOUNT_STEPS]
TERMS = {"amount": 1290, "currency": "EUR", "interval": "month", "interval_count": 1}
NOT_CHECKED = ["plan", "version", "created_by", "created_by_kind"]


def errors(**fields: object) -> dict[str, list[str]]:
    try:
        Price(**{**TERMS, **fields}).full_clean(exclude=NOT_CHECKED)
    except ValidationError as error:
        return dict(error.message_dict)
    return {}


@pytest.mark.parametrize(("amount", "currency"), [(1290, "EUR"), (12340, "KWD"), (1000, "ISK"), (MAX_AMOUNT, "EUR")])
def test_a_price_that_stripe_charges_is_accepted(amount: int, currency: str) -> None:
    assert errors(amount=amount, currency=currency) == {}


@pytest.mark.parametrize(
    ("amount", "currency"), [(30, "EUR"), (12345, "KWD"), (1050, "ISK"), (4999, "UGX"), (MAX_AMOUNT + 1, "EUR")]
)
def test_a_price_that_stripe_rejects_is_rejected_with_the_reason(amount: int, currency: str) -> None:
    reason = why_not_chargeable(amount=amount, currency=currency)
    assert errors(amount=amount, currency=currency) == {"amount": [reason]}


class DatabaseConstraint(TestCase):
    @settings(deadline=None)
    @given(
        amount=st.one_of(st.integers(0, 20_000), st.integers(MAX_AMOUNT - 200, MAX_AMOUNT + 200)),
        currency=st.sampled_from(CURRENCIES),
    )
    def test_the_database_accepts_the_same_prices_as_the_form(self, amount: int, currency: str) -> None:
        try:
            with transaction.atomic():
                make_plan(amount=amount, currency=currency)
        except IntegrityError as error:
            assert "price_amount_is_chargeable" in str(error)
            assert why_not_chargeable(amount=amount, currency=currency)
        else:
            assert why_not_chargeable(amount=amount, currency=currency) == ""


@pytest.mark.parametrize(("interval", "most"), [("week", 156), ("month", 36), ("year", 3)])
def test_a_billing_period_has_at_most_three_years(interval: str, most: int) -> None:
    assert errors(interval=interval, interval_count=most) == {}
    for count in (0, most + 1):
        refused = errors(interval=interval, interval_count=count)
        assert refused == {"interval_count": [f"Write a number from 1 to {most}: a period has at most three years."]}
        with pytest.raises(IntegrityError, match="price_interval_is_at_most_three_years"), transaction.atomic():
            make_plan(interval=interval, interval_count=count)


def test_a_currency_has_three_capital_letters() -> None:
    assert "currency" in errors(currency="eur")
    with pytest.raises(IntegrityError, match="price_currency_is_iso"), transaction.atomic():
        make_plan(currency="eur")


def test_the_interval_of_a_price_is_that_of_its_periods() -> None:
    price = Price(**{**TERMS, "interval": "week", "interval_count": 2})
    assert price.billing_interval == Interval(unit=Unit.WEEK, count=2)


def test_the_database_refuses_to_change_a_price(coffee: Plan) -> None:
    with pytest.raises(IntegrityError, match="A price is never changed"), transaction.atomic():
        Price.objects.update(amount=990)
    assert Price.objects.get().amount == 1290


def test_a_plan_without_subscriptions_is_deleted_with_its_prices(coffee: Plan) -> None:
    coffee.delete()
    assert not Price.objects.exists()
