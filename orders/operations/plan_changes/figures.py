"""The figures of a change of plan or quantity, from what the subscription is and what was paid for it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from orders import change_figures, queries
from orders.change_figures import NO_LINES, Lines
from orders.operations.balances import balance_of
from subscriptions.billing_periods import BillingCycle, Period
from subscriptions.models import PendingChange, Price, Subscription
from subscriptions.operations import skips
from subscriptions.proration import Remainder

When = PendingChange.When


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms to come for the subscription, and the time: at once (``When.PAYMENT``), or from a later period on."""

    price: Price
    quantity: int
    when: PendingChange.When

    @property
    def total(self) -> int:
        """The price of a period, in minor units."""
        return self.price.amount * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The cost of the change. All amounts are in minor units; the fields are those of a ``Quote``."""

    paid: int
    refunded: int
    unused: int
    debit: int
    balance: int
    amount: int
    is_prorated: bool
    begins_period: bool
    applies_at: dt.datetime
    period_end: dt.datetime
    next_amount: int
    next_at: dt.datetime


def figures(*, subscription: Subscription, terms: Terms, at: dt.datetime) -> Figures:
    """The figures of the change if it is made at ``at``, which is within the current period."""
    if terms.when == When.PERIOD_END:
        return _later(subscription, terms, at=at)
    paid = queries.paid_for_period(subscription=subscription)
    if paid is None:
        return _without_proration(subscription, terms, at=at)
    current = _current_period(subscription)
    begins_period = terms.price.billing_interval != subscription.price.billing_interval
    period = _new_period(subscription, terms, at=at) if begins_period else current
    balance = balance_of(subscription=subscription)
    rest = Remainder.at(start=period.start, end=period.end, at=at)
    lines = change_figures.lines(
        unused=paid.unused(at=at),
        debit=rest.unused(terms.total),
        balance=balance,
        currency=terms.price.currency,
    )
    return Figures(
        paid=paid.amount,
        refunded=paid.refunded,
        **_amounts(lines),
        is_prorated=True,
        begins_period=begins_period,
        applies_at=at,
        period_end=period.end,
        next_amount=_renewal(terms.total, balance + lines.balance, terms.price.currency),
        next_at=period.end,
    )


def is_late(*, subscription: Subscription, at: dt.datetime) -> bool:
    """Whether the next delivery cannot be changed any more, so that a change concerns the one after it."""
    return at >= skips.next_cut_off(subscription=subscription)


def _later(subscription: Subscription, terms: Terms, *, at: dt.datetime) -> Figures:
    """From the next period on, or after the cut-off of its delivery from the one after it on."""
    end = subscription.current_period_end
    late = is_late(subscription=subscription, at=at)
    applies_at = subscription.period(subscription.period_number + 1).end if late else end
    next_total = subscription.price.amount * subscription.quantity if late else terms.total
    return _unpaid(subscription, next_total, applies_at=applies_at)


def _without_proration(subscription: Subscription, terms: Terms, *, at: dt.datetime) -> Figures:
    """In a trial, or in another period that was not billed: the next period is the first one at the new price."""
    return _unpaid(subscription, terms.total, applies_at=at)


def _unpaid(subscription: Subscription, next_total: int, *, applies_at: dt.datetime) -> Figures:
    balance = balance_of(subscription=subscription)
    end = subscription.current_period_end
    return Figures(
        paid=0,
        refunded=0,
        **_amounts(NO_LINES),
        is_prorated=False,
        begins_period=False,
        applies_at=applies_at,
        period_end=end,
        next_amount=_renewal(next_total, balance, subscription.price.currency),
        next_at=end,
    )


def _amounts(lines: Lines) -> dict[str, int]:
    return {"unused": lines.unused, "debit": lines.debit, "balance": lines.balance, "amount": lines.amount}


def _renewal(total: int, balance: int, currency: str) -> int:
    return change_figures.renewal_amount(total=total, balance=balance, currency=currency)


def _current_period(subscription: Subscription) -> Period:
    return Period(
        number=subscription.period_number, start=subscription.current_period_start, end=subscription.current_period_end
    )


def _new_period(subscription: Subscription, terms: Terms, *, at: dt.datetime) -> Period:
    interval = terms.price.billing_interval
    return BillingCycle(anchor_at=at, time_zone=subscription.time_zone, interval=interval).period(0)
