"""Plans with prices that Stripe does not charge: refused by the form with a reason, and by the database."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import modelform_factory
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from subscriptions.models import Plan, User
from subscriptions.money import AMOUNT_STEPS, MAX_AMOUNT, MIN_AMOUNTS, why_not_chargeable

pytestmark = pytest.mark.django_db

FORM = {
    "code": "coffee", "name": "Coffee", "amount": 1290, "currency": "EUR", "interval": "month", "interval_count": 1,
    "unpaid_policy": "cancel", "dispute_policy": "pause",
}  # fmt: skip
CURRENCIES = ["EUR", "JPY", "KRW", *MIN_AMOUNTS, *AMOUNT_STEPS]


def errors(**fields: object) -> dict[str, list[str]]:
    try:
        Plan(**{**FORM, **fields}).full_clean()
    except ValidationError as error:
        return dict(error.message_dict)
    return {}


@pytest.mark.parametrize(("amount", "currency"), [(1290, "EUR"), (12340, "KWD"), (1000, "ISK"), (MAX_AMOUNT, "EUR")])
def test_a_price_that_stripe_charges_is_accepted(amount: int, currency: str) -> None:
    assert errors(amount=amount, currency=currency) == {}


@pytest.mark.parametrize(
    ("amount", "currency"), [(30, "EUR"), (12345, "KWD"), (1050, "ISK"), (4999, "UGX"), (MAX_AMOUNT + 1, "EUR")]
)
def test_a_price_that_stripe_refuses_is_refused_with_the_reason(amount: int, currency: str) -> None:
    assert errors(amount=amount, currency=currency)["amount"] == [why_not_chargeable(amount=amount, currency=currency)]


class DatabaseConstraint(TestCase):
    @settings(deadline=None)
    @given(
        amount=st.one_of(st.integers(0, 20_000), st.integers(MAX_AMOUNT - 200, MAX_AMOUNT + 200)),
        currency=st.sampled_from(CURRENCIES),
    )
    def test_the_database_accepts_the_same_prices_as_the_form(self, amount: int, currency: str) -> None:
        try:
            with transaction.atomic():
                Plan.objects.create(code="x", name="X", amount=amount, currency=currency).delete()
        except IntegrityError as error:
            assert "plan_amount_is_chargeable" in str(error)
            assert why_not_chargeable(amount=amount, currency=currency)
        else:
            assert why_not_chargeable(amount=amount, currency=currency) == ""


def test_an_amount_that_is_not_a_number_has_one_error() -> None:
    form = modelform_factory(Plan, fields="__all__")({**FORM, "amount": "a lot", "currency": "KWD"})
    assert form.errors == {"amount": ["Enter a whole number."]}


def test_staff_see_the_reason_beside_the_price(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@example.com"))
    page = client.post("/admin/subscriptions/plan/add/", {**FORM, "currency": "KWD", "amount": 1291})
    assert page.status_code == 200
    assert list(page.context["adminform"].errors) == ["amount"]
    assert not Plan.objects.exists()
    assert client.post("/admin/subscriptions/plan/add/", {**FORM, "currency": "KWD"}).status_code == 302
    assert Plan.objects.get().amount == 1290
