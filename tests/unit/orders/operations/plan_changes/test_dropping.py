"""The order of a change that was not paid in time, or that was closed, is canceled once."""

from __future__ import annotations

import datetime as dt

import pytest

from orders.models import Order
from orders.operations.plan_changes.dropping import cancel_order_of_closed_change, drop_unpaid
from subscriptions.models import PendingChange, Plan, Subscription
from subscriptions.operations.pending_changes import Planned, plan_change
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.plan_changes import change, outcome_of, paid_change, paid_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db

HALF = NOW + dt.timedelta(days=31) / 2
TOMORROW = HALF + dt.timedelta(days=1)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return paid_subscription(coffee)


def test_an_unpaid_change_is_dropped(subscription: Subscription) -> None:
    order = change(subscription, at=HALF, quantity=3).order
    assert order is not None
    assert [drop_unpaid(order_id=order.pk, at=TOMORROW) for _ in range(2)] == [True, False]
    order.refresh_from_db()
    assert (order.status, outcome_of(order), published()["OrderCanceled"]) == ("canceled", "dropped", 1)
    subscription.refresh_from_db()
    assert (subscription.quantity, subscription.status) == (1, "active")


def test_a_paid_change_and_another_order_stay(subscription: Subscription) -> None:
    order = paid_change(subscription, at=HALF, quantity=3).order
    assert order is not None
    for each in Order.objects.all():
        assert not drop_unpaid(order_id=each.pk, at=TOMORROW)
    assert not cancel_order_of_closed_change(pending_change_id=order.pending_change_id, at=TOMORROW)
    assert outcome_of(order) == "applied"


def test_a_planned_cancellation_cancels_the_order_of_the_waiting_change(subscription: Subscription) -> None:
    order = change(subscription, at=HALF, quantity=3).order
    assert order is not None
    plan_change(subscription=subscription, planned=Planned(kind=PendingChange.Kind.CANCEL), actor=TESTS, at=TOMORROW)
    assert published()["PlanChangeClosed"] == 1
    assert cancel_order_of_closed_change(pending_change_id=order.pending_change_id, at=TOMORROW)
    order.refresh_from_db()
    assert (order.status, outcome_of(order)) == ("canceled", "replaced")


def test_a_change_without_an_order_has_nothing_to_cancel(subscription: Subscription) -> None:
    placed = change(subscription, at=HALF, quantity=3, when=PendingChange.When.PERIOD_END)
    assert not cancel_order_of_closed_change(pending_change_id=placed.quote.pending_change_id, at=TOMORROW)
