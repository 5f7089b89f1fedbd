from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.money import WITH_THREE_DECIMALS, WITHOUT_DECIMALS, decimals, formatted


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1290, "EUR", "12.90 EUR"),
        (5, "usd", "0.05 USD"),
        (1234567, "JPY", "1,234,567 JPY"),
        (1234567, "KWD", "1,234.567 KWD"),
        (500, "UGX", "5.00 UGX"),
        (0, "EUR", "0.00 EUR"),
        (-1290, "EUR", "-12.90 EUR"),
    ],
)
def test_formatted(amount: int, currency: str, text: str) -> None:
    assert formatted(amount=amount, currency=currency) == text


@given(
    amount=st.integers(-(10**12), 10**12),
    currency=st.sampled_from([*sorted(WITHOUT_DECIMALS), *sorted(WITH_THREE_DECIMALS), "EUR", "USD", "ISK"]),
)
def test_no_unit_is_lost(amount: int, currency: str) -> None:
    number, _, code = formatted(amount=amount, currency=currency).partition(" ")
    assert (int(number.replace(",", "").replace(".", "")), code) == (amount, currency)
    assert len(number.partition(".")[2]) == decimals(currency)
