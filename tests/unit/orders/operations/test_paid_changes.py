"""A change is applied when its order is paid, unless the subscription has changed meanwhile."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from orders.models import Order
from subscriptions.models import BillingPeriod, Plan, Skip, Subscription
from subscriptions.operations import pending_changes
from subscriptions.operations.pending_changes import Outcome
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import make_plan
from tests.support.plan_changes import change, outcome_of, paid_subscription, pay
from tests.support.subscriptions import TESTS, put_in_status

pytestmark = pytest.mark.django_db(transaction=True)

HALF = NOW + dt.timedelta(days=31) / 2
LATER = HALF + dt.timedelta(hours=3)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return paid_subscription(coffee)


def waiting(subscription: Subscription, **wish: object) -> Order:
    order = change(subscription, at=HALF, **wish).order
    assert order is not None
    return order


def close_change(subscription: Subscription) -> None:
    with transaction.atomic():
        pending_changes.close_all(subscription=subscription, outcome=Outcome.WITHDRAWN, actor=TESTS, at=HALF)


def test_a_payment_that_is_settled_twice_applies_the_change_once(subscription: Subscription) -> None:
    order = waiting(subscription, quantity=3)
    paid_before = published()["OrderPaid"]
    results = at_once(*[lambda: pay(order, at=LATER)] * 3)
    subscription.refresh_from_db()
    assert (sorted(results), subscription.quantity) == ([False, False, True], 3)
    assert (outcome_of(order), published()["OrderPaid"] - paid_before) == ("applied", 1)
    assert [row.kind for row in subscription.changes.order_by("pk")][-2:] == ["plan_change_planned", "plan_changed"]


def test_a_new_period_begins_at_the_time_of_the_quote(subscription: Subscription) -> None:
    make_plan(code="yearly", amount=50000, interval="year")
    Skip.objects.create(subscription=subscription, period_number=1, actor_kind="system", actor="tests")
    order = waiting(subscription, plan="yearly")

    assert pay(order, at=LATER)

    subscription.refresh_from_db()
    order.refresh_from_db()
    period = BillingPeriod.objects.get(number=1)
    assert (subscription.anchor_at, subscription.current_period_start, period.start) == (HALF, HALF, HALF)
    assert (order.period, order.period_end) == (period, period.end)
    assert BillingPeriod.objects.get(number=0).end == HALF
    assert not Skip.objects.exists()


@pytest.mark.parametrize("status", ["paused", "canceled", "past_due"])
def test_a_change_of_a_subscription_that_is_not_active_any_more_is_not_applied(
    subscription: Subscription, status: str
) -> None:
    order = waiting(subscription, quantity=3)
    put_in_status(status, "disputed")
    assert not pay(order, at=LATER)
    subscription.refresh_from_db()
    assert (subscription.quantity, outcome_of(order)) == (1, "waiting")


def test_a_closed_change_is_not_applied(subscription: Subscription) -> None:
    order = waiting(subscription, quantity=3)
    close_change(subscription)
    assert not pay(order, at=LATER)
    order.refresh_from_db()
    assert (order.status, outcome_of(order)) == ("pending_payment", "withdrawn")


def test_a_change_of_an_earlier_period_is_not_applied(subscription: Subscription) -> None:
    order = waiting(subscription, quantity=3)
    Subscription.objects.update(period_number=1)
    assert not pay(order, at=LATER)
