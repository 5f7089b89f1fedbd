"""The cost of a change of plan or quantity: pure calculations, without a query.

The customer gets back the unused part of what was paid, and pays the new price for the same time. Each line is rounded
once. The subscription's balance is settled with it: a credit is used, and an amount that Stripe does not charge is
carried to the next order.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from subscriptions.money import chargeable_part, rounded_up_to_chargeable
from subscriptions.proration import Remainder


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """The amount paid for the time ``[start, end)`` of the running period, less refunds, in minor units.

    ``refunded``: what was refunded or charged back so far of all orders of the running period.
    """

    amount: int
    refunded: int
    start: dt.datetime
    end: dt.datetime

    def unused(self, *, at: dt.datetime) -> int:
        """The part that pays for the time from ``at`` on."""
        return Remainder.at(start=self.start, end=self.end, at=at).unused(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The amounts of the order's lines, with their signs, and their sum: the amount that is charged, never below 0.

    ``balance``: negative if a credit is used or an amount is carried to the next order; positive if the change leaves
    a credit. The subscription's balance changes by it.
    """

    unused: int
    debit: int
    balance: int

    @property
    def amount(self) -> int:
        return self.unused + self.debit + self.balance


NO_LINES = Lines(unused=0, debit=0, balance=0)


def lines(*, unused: int, debit: int, balance: int, currency: str) -> Lines:
    """The lines of a change. ``unused`` and ``debit`` are not negative; ``balance`` is the subscription's balance.

    If less than Stripe's minimum remains to be paid, nothing is charged and the rest is carried.
    """
    amount = chargeable_part(amount=max(0, debit - unused - balance), currency=currency)
    return Lines(unused=-unused, debit=debit, balance=amount - debit + unused)


def renewal_amount(*, total: int, balance: int, currency: str) -> int:
    """The amount that a renewal of this total charges if the subscription has this balance.

    A credit is used up, except for as much as keeps the charge at Stripe's minimum. If a carried amount cannot be
    charged now, a part of it stays carried.
    """
    due = total - balance
    if balance < 0:
        return chargeable_part(amount=due, currency=currency)
    return rounded_up_to_chargeable(amount=due, currency=currency)
