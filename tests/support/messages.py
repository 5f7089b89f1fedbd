"""A message's order and facts without a database, for tests that render messages."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

from notifications.models import Notification
from notifications.rendering.message_context import (
    MessageContext,
    Outcome,
    PaymentPage,
    Receipt,
    Refunded,
)
from subscriptions.queries import NextCharge

Kind = Notification.Kind
ACCOUNT_KINDS = [
    Kind.ACCOUNT_CREATED,
    Kind.LOGIN_MAIL,
    Kind.PASSWORD_CHANGED,
    Kind.EMAIL_CHANGE_CONFIRMATION,
    Kind.EMAIL_CHANGE_NOTICE,
    Kind.EMAIL_CHANGED,
    Kind.ACCOUNT_ERASED,
]
SUBSCRIPTION_KINDS = [
    Kind.TRIAL_ENDING,
    Kind.RENEWAL_REMINDER,
    Kind.CARD_EXPIRING,
    Kind.PRICE_CHANGE,
    Kind.PLAN_CHANGED,
    Kind.PLAN_CHANGE_DROPPED,
    Kind.CANCELLATION_RECEIVED,
    Kind.WITHDRAWAL_RECEIVED,
]
EMAIL_KINDS = [kind for kind in Kind if kind not in (Kind.ORDER_PAID, *ACCOUNT_KINDS, *SUBSCRIPTION_KINDS)]
SMS_KINDS = [Kind.ORDER_PAID, Kind.PAYMENT_FAILED, Kind.PAYMENT_ACTION_REQUIRED]

# A signature may contain these characters. The braces show that no template replaces them.
URL = "https://shop.example.com/pay/0199f3a0:1795166102:a-b_c={x}/"
PAGE = PaymentPage(url=URL, last_day=dt.date(2026, 3, 3))


CANCEL_URL = "https://shop.example.com/cancel/0199f3a0:a-b_c={x}/"
PRICE: Any = SimpleNamespace(
    amount=1290, currency="EUR", interval="month", interval_count=1, plan=SimpleNamespace(name="Coffee")
)
NEXT_CHARGE = NextCharge(at=dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC), amount=2580, price=PRICE, quantity=2)
WITHOUT_PAGE = (
    Kind.ORDER_CONFIRMATION, Kind.WELCOME, Kind.RECEIPT, Kind.REFUND_SUCCEEDED, Kind.REFUND_FAILED, Kind.TRIAL_REFUSED,
)  # fmt: skip


def receipt(*, is_trial: bool = False) -> Receipt:
    """The facts of a receipt of January 31, 2026."""
    paid_at = dt.datetime(2026, 1, 31, 12, 5, tzinfo=dt.UTC)
    return Receipt(paid_at=paid_at, brand="visa", last4="4242", next_charge=NEXT_CHARGE, is_trial=is_trial)


def full_context(
    kind: Notification.Kind, *, outcome: Outcome = Outcome.PAST_DUE, is_trial: bool = False
) -> MessageContext:
    """Every fact that a message of this kind may state."""
    with_page = kind not in WITHOUT_PAGE
    return MessageContext(
        receipt=receipt(is_trial=is_trial) if kind in (Kind.WELCOME, Kind.RECEIPT) else None,
        cancel_url=CANCEL_URL,
        page=PAGE if with_page else None,
        next_attempt_at=dt.datetime(2026, 2, 28, 9, tzinfo=dt.UTC),
        to_confirm=kind == Kind.PAYMENT_ACTION_REQUIRED,
        outcome=outcome,
        refunded=Refunded(amount=500, currency="EUR", whole=False),
    )


class Lines(list):
    """Order lines, with the one method of a manager that rendering calls."""

    def all(self) -> Lines:
        return self


def unsaved_order(
    *,
    locale: str = "en",
    name: str = "Ann Lee",
    plan: str = "Coffee",
    amount: int = 1290,
    currency: str = "EUR",
    quantity: int = 2,
    digital: bool = False,
) -> SimpleNamespace:
    """An order of one line for one month, without any row in the database."""
    line = SimpleNamespace(
        kind="period", description=plan, quantity=quantity, unit_amount=amount, amount=amount * quantity
    )
    return SimpleNamespace(
        number="7K3M9-Q2XAB",
        kind="renewal",
        amount=amount * quantity,
        currency=currency,
        period_start=dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC),
        period_end=dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC),
        contact_locale=locale,
        contact_name=name,
        subscription=SimpleNamespace(plan=SimpleNamespace(name=plan, is_digital=digital), time_zone="UTC"),
        lines=Lines([line]),
    )
