"""The lines of a change and the amount of a renewal: what is charged, used of the balance, and carried."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.change_figures import lines, renewal_amount
from subscriptions.money import MAX_AMOUNT, min_chargeable, rounded_up_to_chargeable, why_not_chargeable

AMOUNTS = st.integers(0, MAX_AMOUNT)
BALANCES = st.integers(-MAX_AMOUNT, MAX_AMOUNT)
CURRENCIES = st.sampled_from(["EUR", "JPY", "ISK", "JOD", "HUF"])


@pytest.mark.parametrize(
    ("unused", "debit", "balance", "currency", "amount", "line"),
    [
        (500, 1000, 0, "EUR", 500, 0),
        (1933, 483, 0, "EUR", 0, 1450),  # a downgrade leaves a credit
        (32, 48, 0, "EUR", 0, -16),  # below the minimum: carried
        (500, 1000, 200, "EUR", 300, -200),  # a credit is used
        (500, 1000, 480, "EUR", 0, -500),  # the credit is used, and 20 are carried
        (32, 82, -10, "EUR", 60, 10),  # an amount that was carried is charged as well
        (250, 600, 0, "JPY", 350, 0),
        (0, 12345, 0, "ISK", 12300, -45),  # hundredths of a crown are carried
    ],
)
def test_the_lines_of_a_change(
    unused: int, debit: int, balance: int, currency: str, amount: int, line: int
) -> None:
    found = lines(unused=unused, debit=debit, balance=balance, currency=currency)
    assert (found.unused, found.debit, found.balance, found.amount) == (-unused, debit, line, amount)


@given(unused=AMOUNTS, debit=AMOUNTS, balance=BALANCES, currency=CURRENCIES)
def test_a_change_charges_what_stripe_charges_and_carries_less_than_the_minimum(
    unused: int, debit: int, balance: int, currency: str
) -> None:
    found = lines(unused=unused, debit=debit, balance=balance, currency=currency)
    due, after = debit - unused - balance, balance + found.balance

    assert found.amount == 0 or not why_not_chargeable(amount=found.amount, currency=currency)
    assert after == found.amount - due
    if due <= MAX_AMOUNT:
        assert after > -min_chargeable(currency)
    assert (found.amount > 0) <= (due > 0)


@pytest.mark.parametrize(
    ("total", "balance", "currency", "amount"),
    [
        (2000, 0, "EUR", 2000),
        (2000, 750, "EUR", 1250),
        (500, 750, "EUR", 0),
        (500, 480, "EUR", 50),  # 20 would be below the minimum, so 30 of the credit stay
        (1000, -16, "EUR", 1016),
        (12300, 45, "ISK", 12300),  # 45 hundredths alone cannot be used
        (99_999_999, -5, "EUR", 99_999_999),  # more is not charged at once
    ],
)
def test_a_renewal_settles_the_balance(total: int, balance: int, currency: str, amount: int) -> None:
    assert renewal_amount(total=total, balance=balance, currency=currency) == amount


@given(total=AMOUNTS, balance=BALANCES, currency=CURRENCIES)
def test_a_renewal_never_charges_more_than_is_due_and_never_an_impossible_amount(
    total: int, balance: int, currency: str
) -> None:
    total = rounded_up_to_chargeable(amount=total, currency=currency)
    if why_not_chargeable(amount=total, currency=currency):
        return
    amount = renewal_amount(total=total, balance=balance, currency=currency)

    assert amount == 0 or not why_not_chargeable(amount=amount, currency=currency)
    used = total - amount
    assert min(balance, 0) <= used <= max(balance, 0)
