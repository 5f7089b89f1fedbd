"""A customer reads the balance of a subscription and where it comes from."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import BalanceEntry, Order
from subscriptions.models import Customer
from tests.support.accounts import Browser, customer_with_login
from tests.support.days import NOW
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def order(ann: Customer) -> Order:
    return make_order(customer=ann)


def enter(placed: Order, amount: int, *, days: int, **fields: Any) -> None:
    values = {"currency": "EUR", "reason": "staff", "actor_kind": "staff", "actor": "1", **fields}
    at = NOW + dt.timedelta(days=days)
    BalanceEntry.objects.create(subscription=placed.subscription, amount=amount, at=at, **values)


def read(ann: Customer, order: Order) -> Any:
    return Browser().log_in(ann).get(f"me/subscriptions/{order.subscription_id}/balance/")


def test_without_entries_the_balance_is_0(ann: Customer, order: Order) -> None:
    answer = read(ann, order)
    assert answer.json() == {"amount": 0, "currency": "EUR", "entries": []}
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_entries_are_listed_newest_first_and_add_up(ann: Customer, order: Order) -> None:
    enter(order, 1450, days=0)
    enter(order, -1290, days=1, reason="order", order=order)

    balance = read(ann, order).json()

    assert balance["amount"] == 160
    assert [(entry["amount"], entry["reason"], entry["order"]) for entry in balance["entries"]] == [
        (-1290, "order", order.number),
        (1450, "staff", None),
    ]


def test_many_entries_take_the_same_queries_and_the_last_50_are_listed(ann: Customer, order: Order) -> None:
    browser, path = Browser().log_in(ann), f"me/subscriptions/{order.subscription_id}/balance/"
    counts = []
    for number in (1, 60):
        for day in range(number):
            enter(order, 1, days=day)
        with CaptureQueriesContext(connection) as captured:
            balance = browser.get(path).json()
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 8
    assert (balance["amount"], len(balance["entries"])) == (61, 50)
