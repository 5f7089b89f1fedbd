"""The balance of a subscription: changed by an order's line, and given back once if the order is canceled."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from orders.models import BalanceEntry, Order
from orders.operations import balances
from orders.operations.cancellation import cancel_unpaid
from orders.operations.locks import locked_order
from orders.operations.renewals import place_renewal
from subscriptions.models import Plan, Subscription
from subscriptions.operations import renewals
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.plan_changes import balance_entries, lines_of, paid_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db(transaction=True)

DUE = NOW + dt.timedelta(days=31)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return paid_subscription(coffee)


def give(subscription: Subscription, amount: int) -> None:
    BalanceEntry.objects.create(
        subscription=subscription, amount=amount, currency="EUR", reason="staff", actor_kind="staff", actor="1", at=NOW
    )


def renewed(subscription: Subscription) -> Order:
    renewals.begin_due_renewals(at=DUE)
    order = place_renewal(subscription_id=subscription.pk, period_number=1, at=DUE)
    assert order is not None
    return order


def balance(subscription: Subscription) -> int:
    return balances.balance_of(subscription=subscription)


@pytest.mark.parametrize(
    ("given", "amount", "line", "left"),
    [(300, 990, -300, 0), (1290, 0, -1290, 0), (5000, 0, -1290, 3710), (1280, 50, -1240, 40), (-16, 1306, 16, 0)],
)
def test_a_renewal_settles_the_balance(
    subscription: Subscription, given: int, amount: int, line: int, left: int
) -> None:
    give(subscription, given)
    order = renewed(subscription)
    assert (order.amount, lines_of(order)) == (amount, [("period", 1290), ("balance", line)])
    assert (balance_entries(subscription), balance(subscription)) == ([("staff", given), ("order", line)], left)


def test_a_renewal_that_the_credit_pays_needs_no_payment(subscription: Subscription) -> None:
    give(subscription, 2000)
    before = published()["OrderPaid"]
    order = renewed(subscription)
    order.refresh_from_db()
    assert (order.status, order.paid_at) == ("paid", DUE)
    assert (published()["OrderPaid"] - before, published()["RenewalPlaced"]) == (1, 0)


def test_without_a_balance_there_is_no_line(subscription: Subscription) -> None:
    assert lines_of(renewed(subscription)) == [("period", 1290)]
    assert balance_entries(subscription) == []


def test_a_canceled_order_gives_the_balance_back_once(subscription: Subscription) -> None:
    give(subscription, 300)
    order = renewed(subscription)
    for _ in range(2):
        with transaction.atomic():
            cancel_unpaid(order=locked_order(order_id=order.pk), at=DUE)
    assert balance_entries(subscription) == [("staff", 300), ("order", -300), ("order_canceled", 300)]


def test_the_database_lets_an_order_settle_and_give_back_once(subscription: Subscription) -> None:
    give(subscription, 300)
    order = renewed(subscription)
    balances.give_back(order=order, actor=TESTS, at=DUE)
    with pytest.raises(IntegrityError), transaction.atomic():
        balances.give_back(order=order, actor=TESTS, at=DUE)
    with pytest.raises(IntegrityError), transaction.atomic():
        balances.settle(order=order, amount=-1, reason=BalanceEntry.Reason.ORDER, actor=TESTS, at=DUE)
