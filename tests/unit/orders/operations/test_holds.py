"""Lifting a hold: the orders decide whether the subscription is active or past due."""

from __future__ import annotations

import datetime as dt

import pytest

from orders.models import Order
from orders.operations.holds import lift_hold
from subscriptions.models import Hold
from tests.support.factories import place_order
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("order_status", "subscription_status"),
    [("pending_payment", "active"), ("payment_failed", "past_due"), ("requires_action", "past_due")],
)
def test_the_last_hold_is_lifted(order_status: str, subscription_status: str) -> None:
    order = place_order(status=order_status)
    put_in_status("paused", "disputed", subscription=order.subscription)

    assert lift_hold(subscription=order.subscription, reason=Hold.Reason.DISPUTED, actor=TESTS, at=NOW)

    assert status_and_reason(order.subscription) == (subscription_status, "")


def test_another_open_hold_keeps_the_subscription_paused() -> None:
    order = place_order(status="payment_failed")
    put_in_status("paused", "disputed", "unpaid", subscription=order.subscription)

    assert lift_hold(subscription=order.subscription, reason=Hold.Reason.DISPUTED, actor=TESTS, at=NOW)

    assert status_and_reason(order.subscription) == ("paused", "unpaid")


def test_nothing_happens_without_an_open_hold() -> None:
    order = place_order(status=Order.Status.PAYMENT_FAILED)
    assert not lift_hold(subscription=order.subscription, reason=Hold.Reason.DISPUTED, actor=TESTS, at=NOW)
