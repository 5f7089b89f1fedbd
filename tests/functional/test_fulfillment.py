"""What is paid gets on its way, once."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from orders.models import Order
from orders.operations import checkout, fulfillment, payments
from orders.operations.locks import locked_order
from orders.queries import OrderNotFound
from subscriptions.models import Plan, Subscription
from subscriptions.operations.customers import Buyer

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def place(plan: Plan) -> Order:
    checkout.place_checkout(
        checkout=checkout.Checkout(
            plan=plan,
            quantity=1,
            payment_method="pm_card_visa",
            buyer=Buyer(email="ada@example.com", name="Ada"),
            shipping_address=None,
        ),
        key=checkout.IdempotencyKey(caller="test", key=str(uuid4()), request_hash="x"),
        at=NOW,
        describe=lambda order: {},
    )
    return Order.objects.get()


def pay(order: Order) -> bool:
    with transaction.atomic():
        return payments.mark_paid(order=locked_order(order_id=order.pk), at=timezone.now())


def test_paying_an_order_activates_its_subscription_and_says_so_once(transactional_db: None, coffee: Plan) -> None:
    order = place(coffee)
    assert pay(order) and not pay(order)
    assert Subscription.objects.get().status == "active"
    assert OutboxMessage.objects.filter(task="orders.start_fulfillment").count() == 1


def test_a_digital_order_is_fulfilled_once_paid(transactional_db: None, magazine: Plan) -> None:
    order = place(magazine)
    pay(order)
    assert fulfillment.start_fulfillment(order_id=order.pk, at=NOW)
    assert not fulfillment.start_fulfillment(order_id=order.pk, at=NOW + dt.timedelta(days=1))
    order.refresh_from_db()
    assert (order.status, order.fulfilled_at) == ("fulfilled", NOW)


def test_a_shipped_order_waits_in_the_list_of_what_is_to_be_sent(transactional_db: None, coffee: Plan) -> None:
    order = place(coffee)
    pay(order)
    fulfillment.start_fulfillment(order_id=order.pk, at=NOW)
    order.refresh_from_db()
    assert (order.status, order.fulfillment_started_at, order.fulfilled_at) == ("paid", NOW, None)


def test_what_is_refunded_in_part_before_it_is_fulfilled_is_fulfilled_still(
    transactional_db: None, magazine: Plan
) -> None:
    order = place(magazine)
    pay(order)
    Order.objects.update(status="partially_refunded")
    assert fulfillment.start_fulfillment(order_id=order.pk, at=NOW)
    order.refresh_from_db()
    assert (order.status, order.fulfilled_at) == ("partially_refunded", NOW)


@pytest.mark.parametrize("status", ["pending_payment", "payment_failed", "canceled", "refunded"])
def test_what_is_not_paid_is_not_fulfilled(transactional_db: None, magazine: Plan, status: str) -> None:
    order = place(magazine)
    if status == "refunded":
        pay(order)
    Order.objects.update(status=status)
    assert not fulfillment.start_fulfillment(order_id=order.pk, at=NOW)
    order.refresh_from_db()
    assert (order.status, order.fulfillment_started_at) == (status, None)


def test_a_canceled_order_is_not_paid_any_more(transactional_db: None, coffee: Plan) -> None:
    order = place(coffee)
    Order.objects.update(status="canceled")
    assert not pay(order)
    assert not OutboxMessage.objects.filter(task="orders.start_fulfillment").exists()


def test_a_month_from_the_last_of_january_is_the_last_of_february(transactional_db: None, coffee: Plan) -> None:
    order = place(coffee)
    assert order.period_end == dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
    assert coffee.period_end(NOW, periods=2) == dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)


def test_an_order_nobody_placed(transactional_db: None) -> None:
    with pytest.raises(OrderNotFound):
        fulfillment.start_fulfillment(order_id=uuid4(), at=NOW)


