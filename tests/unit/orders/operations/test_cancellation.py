"""An unpaid order is canceled once, and its payment with it."""

from __future__ import annotations

import pytest
from django.db import transaction

from orders.models import AWAITING_PAYMENT, Order
from orders.operations.cancellation import cancel_unpaid, cancel_unpaid_of
from orders.operations.locks import locked_order
from subscriptions.models import Subscription
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import make_order, place_renewal


def cancel(order: Order) -> bool:
    with transaction.atomic():
        return cancel_unpaid(order=locked_order(order_id=order.pk), at=NOW)


@pytest.mark.parametrize("status", AWAITING_PAYMENT)
def test_an_unpaid_order_is_canceled_and_published(db: None, status: str) -> None:
    order = make_order(status=status)
    assert cancel(order)
    order.refresh_from_db()
    assert (order.status, order.canceled_at) == ("canceled", NOW)
    assert published() == {"OrderCanceled": 1}


@pytest.mark.parametrize("status", sorted(set(Order.Status) - set(AWAITING_PAYMENT)))
def test_other_orders_stay_as_they_are(db: None, status: str) -> None:
    order = make_order(status=status)
    canceled_before = order.canceled_at
    assert not cancel(order)
    order.refresh_from_db()
    assert (order.status, order.canceled_at) == (status, canceled_before)
    assert published() == {}


@pytest.mark.parametrize(
    ("before", "other", "after"),
    [
        ("past_due", "paid", "active"),
        ("past_due", "payment_failed", "past_due"),
        ("past_due", "requires_action", "past_due"),
        ("past_due", "pending_payment", "active"),
        ("incomplete", "paid", "incomplete"),
        ("paused", "paid", "paused"),
        ("active", "paid", "active"),
    ],
)
def test_a_past_due_subscription_becomes_active_if_no_other_order_is_overdue(
    db: None, before: str, other: str, after: str
) -> None:
    order = make_order(status="payment_failed")
    place_renewal(order, payment_method="pm_1", status=other, paid_at=NOW)
    Subscription.objects.update(status=before)
    cancel(order)
    assert Subscription.objects.get().status == after


def test_all_unpaid_orders_of_a_subscription_and_no_others(db: None) -> None:
    first = make_order(status="payment_failed")
    second = place_renewal(first, payment_method="pm_1")
    paid = place_renewal(second, payment_method="pm_1", status="paid", paid_at=NOW)
    elsewhere = make_order(status="payment_failed", customer={"email": "bob@example.com"})

    assert cancel_unpaid_of(subscription_id=first.subscription_id, at=NOW) == 2
    assert cancel_unpaid_of(subscription_id=first.subscription_id, at=NOW) == 0

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {
        first.pk: "canceled", second.pk: "canceled", paid.pk: "paid", elsewhere.pk: "payment_failed",
    }  # fmt: skip
    assert published() == {"OrderCanceled": 2}


def test_concurrent_deliveries_cancel_once(transactional_db: None) -> None:
    order = make_order(status="payment_failed")
    counts = at_once(lambda: cancel_unpaid_of(subscription_id=order.subscription_id, at=NOW), times=3)
    assert sorted(counts) == [0, 0, 1]
    assert published() == {"OrderCanceled": 1}
