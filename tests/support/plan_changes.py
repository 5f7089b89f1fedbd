"""Subscriptions whose plan or quantity changes, made by the real operations, without a call to Stripe."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from orders.models import BalanceEntry, Order, OrderLine, Quote
from orders.operations import payments
from orders.operations.contacts import contact_of
from orders.operations.locks import locked_order
from orders.operations.plan_changes.placing import Placed, change_plan
from orders.operations.plan_changes.quotes import Wish, make_quote
from subscriptions.models import BillingPeriod, Customer, PendingChange, Plan, Subscription
from tests.support.days import NOW
from tests.support.factories import make_customer, started_subscription
from tests.support.subscriptions import TESTS

PAYMENT, PERIOD_END = PendingChange.When.PAYMENT, PendingChange.When.PERIOD_END


def paid_subscription(plan: Plan, *, at: dt.datetime = NOW, quantity: int = 1, **fields: Any) -> Subscription:
    """An active subscription whose first order was paid at this time."""
    number = Customer.objects.count()
    customer = make_customer(email=f"ann-{number}@example.com")
    subscription = started_subscription(plan, at=at, quantity=quantity, customer=customer, **fields)
    period = BillingPeriod.objects.get(subscription=subscription)
    price = subscription.price
    order = Order.objects.create(
        kind=Order.Kind.FIRST,
        customer=customer,
        subscription=subscription,
        period=period,
        amount=price.amount * quantity,
        currency=price.currency,
        payment_method="pm_1",
        **contact_of(customer),
        period_start=period.start,
        period_end=period.end,
        placed_at=at,
    )
    OrderLine.objects.create(
        order=order, plan=plan, description=plan.name, quantity=quantity, unit_amount=price.amount, amount=order.amount
    )
    pay(order, at=at)
    subscription.refresh_from_db()
    assert subscription.status == "active"
    return subscription


def pay(order: Order, *, at: dt.datetime) -> bool:
    """The order's payment succeeds."""
    with transaction.atomic():
        return payments.mark_paid(order=locked_order(order_id=order.pk), at=at)


def quote(subscription: Subscription, *, at: dt.datetime, **wish: Any) -> Quote:
    """A quote for this change. ``plan`` is a code."""
    return make_quote(subscription_id=subscription.pk, wish=Wish(**wish), at=at)


def change(subscription: Subscription, *, at: dt.datetime, **wish: Any) -> Placed:
    """Make this change now, unless ``when`` says otherwise. It is not paid yet."""
    quoted = quote(subscription, at=at, **{"when": PAYMENT, **wish})
    placed = use(quoted, at=at)
    subscription.refresh_from_db()
    return placed


def use(quoted: Quote, *, at: dt.datetime) -> Placed:
    """Make the quoted change."""
    return change_plan(subscription_id=quoted.subscription_id, quote_id=quoted.pk, actor=TESTS, at=at)


def paid_change(subscription: Subscription, *, at: dt.datetime, **wish: Any) -> Placed:
    """Make this change now, and pay it if it costs something."""
    placed = change(subscription, at=at, **wish)
    if placed.order is not None and placed.order.amount:
        assert pay(placed.order, at=at)
    subscription.refresh_from_db()
    return placed


def lines_of(order: Order) -> list[tuple[str, int]]:
    """The kind and the amount of each line."""
    return [(line.kind, line.amount) for line in order.lines.order_by("pk")]


def balance_entries(subscription: Subscription) -> list[tuple[str, int]]:
    """The reason and the amount of each entry, oldest first."""
    entries = BalanceEntry.objects.filter(subscription=subscription).order_by("pk")
    return [(entry.reason, entry.amount) for entry in entries]


def outcome_of(order: Order) -> str:
    """The outcome of the order's change."""
    return PendingChange.objects.get(pk=order.pending_change_id).outcome
