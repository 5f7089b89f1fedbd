"""The total of a checkout: the field that is at fault if Stripe would refuse to charge it."""

from __future__ import annotations

import pytest

from integrations.web.problems import Unprocessable
from orders.api.views import _check_chargeable
from subscriptions.models import Plan


@pytest.mark.parametrize(
    ("amount", "currency", "quantity", "field"),
    [
        (99_999_999, "EUR", 2, "quantity"),
        (100_000_000, "EUR", 1, "plan"),
        (2_147_483_647, "EUR", 1000, "plan"),
        (49, "EUR", 1, "plan"),
        (1050, "ISK", 1, "plan"),
        (12345, "KWD", 3, "plan"),
    ],
)
def test_a_total_that_stripe_refuses_is_refused(amount: int, currency: str, quantity: int, field: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        _check_chargeable(Plan(amount=amount, currency=currency), quantity)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize(("amount", "currency", "quantity"), [(50, "EUR", 1), (50, "EUR", 1000), (1050, "ISK", 2)])
def test_a_total_that_stripe_charges_is_accepted(amount: int, currency: str, quantity: int) -> None:
    _check_chargeable(Plan(amount=amount, currency=currency), quantity)
