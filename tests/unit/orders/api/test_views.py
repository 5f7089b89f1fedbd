"""The total of a checkout: rejected on the field that is at fault if Stripe would reject to charge it."""

from __future__ import annotations

import pytest

from integrations.web.problems import Unprocessable
from orders.api.views import _check_chargeable
from subscriptions.models import Price


@pytest.mark.parametrize(
    ("amount", "currency", "quantity"),
    [(99_999_999, "EUR", 2), (50_000_000, "EUR", 2), (99_999_900, "ISK", 1000), (99_999_990, "KWD", 2)],
)
def test_a_total_that_stripe_rejects_is_rejected(amount: int, currency: str, quantity: int) -> None:
    with pytest.raises(Unprocessable) as rejected:
        _check_chargeable(Price(amount=amount, currency=currency), quantity)
    assert list(rejected.value.fields) == ["quantity"]


@pytest.mark.parametrize(("amount", "currency", "quantity"), [(50, "EUR", 1), (50, "EUR", 1000), (1000, "ISK", 2)])
def test_a_total_that_stripe_charges_is_accepted(amount: int, currency: str, quantity: int) -> None:
    _check_chargeable(Price(amount=amount, currency=currency), quantity)
