"""A plan has a price that Stripe takes; who enters another one is told so at once, beside the field."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory
from django.test import Client

from integrations.sandbox.stripe_api import amounts
from integrations.sandbox.stripe_api.errors import StripeError
from subscriptions.models import Plan, User
from subscriptions.money import LARGEST_AMOUNT, WITH_THREE_DECIMALS, why_not_charged

pytestmark = pytest.mark.django_db

FORM = {
    "code": "coffee", "name": "Coffee", "amount": 1290, "currency": "EUR", "interval": "month", "interval_count": 1,
    "unpaid_policy": "cancel", "dispute_policy": "pause",
}  # fmt: skip


def errors(**fields: object) -> dict[str, list[str]]:
    try:
        Plan(**{**FORM, **fields}).full_clean()
    except ValidationError as error:
        return dict(error.message_dict)
    return {}


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(12340, "KWD"), (10, "TND"), (1291, "EUR"), (1291, "JPY"), (LARGEST_AMOUNT, "EUR"), (99_999_990, "KWD")],
)
def test_a_price_that_stripe_takes(amount: int, currency: str) -> None:
    assert errors(amount=amount, currency=currency) == {}


@pytest.mark.parametrize("currency", sorted(WITH_THREE_DECIMALS))
def test_of_three_decimals_the_last_is_0(currency: str) -> None:
    assert errors(amount=12345, currency=currency) == {
        "amount": [f"An amount in {currency} ends in 0: Stripe refuses 12.345 {currency} for its third decimal."]
    }


@pytest.mark.parametrize(("currency", "largest"), [("EUR", "999,999.99 EUR"), ("JPY", "99,999,999 JPY")])
def test_no_more_than_stripe_charges_at_once(currency: str, largest: str) -> None:
    assert errors(amount=LARGEST_AMOUNT + 1, currency=currency) == {
        "amount": [f"An amount is at most 99999999, which is {largest}: Stripe charges no more at once."]
    }


@pytest.mark.parametrize("currency", ["eur", "jpy", "kwd", "tnd"])
@pytest.mark.parametrize("amount", [1000, 12340, 12341, LARGEST_AMOUNT - 9, LARGEST_AMOUNT, LARGEST_AMOUNT + 1])
def test_it_is_what_the_sandbox_says(amount: int, currency: str) -> None:
    try:
        amounts.check(amount, currency)
    except StripeError:
        assert why_not_charged(amount=amount, currency=currency)
    else:
        assert why_not_charged(amount=amount, currency=currency) == ""


def test_a_price_that_cannot_be_read_is_complained_of_once() -> None:
    form = modelform_factory(Plan, fields="__all__")({**FORM, "amount": "a lot", "currency": "KWD"})
    assert form.errors == {"amount": ["Enter a whole number."]}


def test_staff_read_it_beside_the_price(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@example.com"))
    page = client.post("/admin/subscriptions/plan/add/", {**FORM, "currency": "KWD", "amount": 1291})
    assert page.status_code == 200
    assert "amount" in page.context["adminform"].errors
    assert not Plan.objects.exists()
    assert client.post("/admin/subscriptions/plan/add/", {**FORM, "currency": "KWD"}).status_code == 302
    assert Plan.objects.get().amount == 1290
