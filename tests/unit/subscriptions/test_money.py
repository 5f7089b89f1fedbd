"""Amounts: how they are written, and which of them Stripe charges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sandbox.stripe_api import amounts
from integrations.sandbox.stripe_api.errors import StripeError
from subscriptions.money import (
    MAX_AMOUNT,
    MIN_AMOUNTS,
    THREE_DECIMAL,
    ZERO_DECIMAL,
    decimals,
    formatted,
    whole_steps,
    why_not_chargeable,
)


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
    currency=st.sampled_from([*sorted(ZERO_DECIMAL), *sorted(THREE_DECIMAL), "EUR", "USD", "ISK"]),
)
def test_no_unit_is_lost(amount: int, currency: str) -> None:
    number, _, code = formatted(amount=amount, currency=currency).partition(" ")
    assert (int(number.replace(",", "").replace(".", "")), code) == (amount, currency)
    assert len(number.partition(".")[2]) == decimals(currency)


CURRENCIES = ["KRW", "PHP", "ISK", "UGX", *sorted(THREE_DECIMAL), *sorted(MIN_AMOUNTS)]


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (50, "EUR"),
        (30, "GBP"),
        (17500, "HUF"),
        (1291, "JPY"),
        (12340, "KWD"),
        (100, "TND"),
        (1000, "ISK"),
        (500000, "UGX"),
        (MAX_AMOUNT, "EUR"),
        (MAX_AMOUNT - 9, "KWD"),
        (MAX_AMOUNT - 99, "ISK"),
    ],
)
def test_an_amount_that_stripe_charges(amount: int, currency: str) -> None:
    assert why_not_chargeable(amount=amount, currency=currency) == ""
    assert why_not_chargeable(amount=amount, currency=currency.lower()) == ""


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [
        (49, "EUR", "The amount must be at least 0.50 EUR: Stripe charges no less."),
        (17499, "HUF", "The amount must be at least 175.00 HUF: Stripe charges no less."),
        (49, "JPY", "The amount must be at least 50 JPY: Stripe charges no less."),
        (0, "PHP", "The amount must be at least 0.50 PHP: Stripe charges no less."),
        (MAX_AMOUNT + 1, "EUR", "The amount must be at most 999,999.99 EUR: Stripe charges no more."),
        (MAX_AMOUNT + 1, "JPY", "The amount must be at most 99,999,999 JPY: Stripe charges no more."),
        (12345, "KWD", "An amount in KWD must end in 0 in minor units: Stripe does not charge 12.345 KWD."),
        (1050, "ISK", "An amount in ISK must end in 00 in minor units: Stripe does not charge 10.50 ISK."),
        (4999, "UGX", "An amount in UGX must end in 00 in minor units: Stripe does not charge 49.99 UGX."),
    ],
)
def test_an_amount_that_stripe_rejects(amount: int, currency: str, reason: str) -> None:
    assert why_not_chargeable(amount=amount, currency=currency) == reason


@given(
    amount=st.one_of(st.integers(0, 20_000), st.integers(MAX_AMOUNT - 200, MAX_AMOUNT + 200)),
    currency=st.sampled_from(CURRENCIES),
)
def test_the_sandbox_rejects_the_same_amounts(amount: int, currency: str) -> None:
    assert bool(why_not_chargeable(amount=amount, currency=currency)) == is_rejected_by_sandbox(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "whole"),
    [(12345, "EUR", 12345), (12345, "isk", 12300), (12345, "KWD", 12340), (99, "UGX", 0)],
)
def test_an_amount_is_rounded_down_to_whole_steps(amount: int, currency: str, whole: int) -> None:
    assert whole_steps(amount=amount, currency=currency) == whole


def is_rejected_by_sandbox(amount: int, currency: str) -> bool:
    try:
        amounts.check(amount, currency.lower())
    except StripeError:
        return True
    return False
