"""The outcome of a payment changes the order, and through it the subscription."""

from __future__ import annotations

import pytest
from django.db import transaction

from integrations.outbox.models import OutboxMessage
from orders.models import AWAITING_PAYMENT, PAID, Order
from orders.operations import payments
from orders.operations.locks import locked_order
from subscriptions.models import Subscription
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import make_order, place_renewal

pytestmark = pytest.mark.django_db

NOT_AWAITING = sorted(set(Order.Status) - set(AWAITING_PAYMENT))


def order_with(status: str, *, subscription: str = "incomplete") -> Order:
    order = make_order(status=status)
    Subscription.objects.filter(pk=order.subscription_id).update(
        status=subscription, canceled_at=NOW, renews_at=None
    )
    return Order.objects.select_related("subscription").get(pk=order.pk)


def pay(order: Order) -> bool:
    with transaction.atomic():
        return payments.mark_paid(order=locked_order(order_id=order.pk), at=NOW)


def stored(order: Order) -> tuple[str, str]:
    """The status of the order, and of its subscription."""
    row = Order.objects.select_related("subscription").get(pk=order.pk)
    return row.status, row.subscription.status


@pytest.mark.parametrize("status", AWAITING_PAYMENT)
def test_a_payment_pays_the_order_activates_the_subscription_and_is_published(status: str) -> None:
    order = order_with(status)
    assert pay(order)
    assert stored(order) == ("paid", "active")
    assert Order.objects.get().paid_at == NOW
    assert published() == {"OrderPaid": 1}
    assert OutboxMessage.objects.filter(task="orders.start_fulfillment", subject_id=order.pk).count() == 1


@pytest.mark.parametrize("status", NOT_AWAITING)
def test_an_order_that_awaits_no_payment_is_not_paid(status: str) -> None:
    order = order_with(status)
    assert not pay(order)
    assert stored(order) == (status, "incomplete")
    assert published() == {}


def test_a_subscription_stays_past_due_while_another_order_is_overdue() -> None:
    order = order_with("payment_failed", subscription="past_due")
    other = place_renewal(order, payment_method="pm_1", status="requires_action")
    pay(order)
    assert stored(order) == ("paid", "past_due")
    pay(other)
    assert stored(other) == ("paid", "active")


def test_a_first_payment_activates_the_subscription_though_its_renewal_is_overdue() -> None:
    order = order_with("pending_payment")
    place_renewal(order, payment_method="pm_1", status="payment_failed")
    pay(order)
    assert stored(order) == ("paid", "active")


def test_a_payment_does_not_resume_a_subscription() -> None:
    order = order_with("payment_failed", subscription="paused")
    assert pay(order)
    assert stored(order) == ("paid", "paused")


def test_an_ended_subscription_takes_no_payment() -> None:
    """It may have ended since the caller asked whether the order is payable. The caller refunds the payment."""
    order = order_with("payment_failed", subscription="canceled")
    assert not pay(order)
    assert stored(order) == ("payment_failed", "canceled")
    assert published() == {}


MOVES = {
    "payment_failed": payments.mark_payment_failed,
    "requires_action": payments.mark_requires_action,
    "pending_payment": payments.mark_pending,
}


@pytest.mark.parametrize("before", Order.Status)
@pytest.mark.parametrize("after", MOVES)
def test_a_payment_attempt_moves_only_orders_that_await_payment(before: str, after: str) -> None:
    order = order_with(before)
    moves = before in AWAITING_PAYMENT and before != after
    assert MOVES[after](order=order) is moves
    assert stored(order) == (after if moves else before, "incomplete")
    assert published() == {}


@pytest.mark.parametrize(
    ("refunded", "fulfilled", "after"),
    [
        (1290, False, "refunded"),
        (1289, False, "partially_refunded"),
        (1, True, "partially_refunded"),
        (0, False, "paid"),
        (0, True, "fulfilled"),
    ],
)
@pytest.mark.parametrize("before", PAID)
def test_a_refund_sets_the_status_of_a_paid_order(before: str, refunded: int, fulfilled: bool, after: str) -> None:
    order = order_with(before)
    order.fulfilled_at = NOW if fulfilled else None
    if fulfilled:
        order.save()
    assert payments.mark_refunded(order=order, refunded=refunded) is (before != after)
    assert stored(order)[0] == after


@pytest.mark.parametrize("status", [*AWAITING_PAYMENT, "canceled"])
def test_a_refund_leaves_an_order_that_is_not_paid_alone(status: str) -> None:
    order = order_with(status)
    assert not payments.mark_refunded(order=order, refunded=1290)
    assert stored(order)[0] == status


@pytest.mark.parametrize("status", Order.Status)
@pytest.mark.parametrize("subscription", Subscription.Status)
def test_an_order_is_payable_until_it_is_settled_or_its_subscription_ends(status: str, subscription: str) -> None:
    order = order_with(status, subscription=subscription)
    expected = status in ("pending_payment", "requires_action", "payment_failed") and subscription != "canceled"
    assert payments.is_payable(order=order) is expected
    assert payments.is_collection_paused(order=order) is (subscription == "paused")
    assert stored(order) == (status, subscription), "a predicate writes nothing"


def test_an_order_is_overdue_after_a_failed_payment_only() -> None:
    order = order_with("pending_payment")
    assert not payments.has_overdue_orders(subscription=order.subscription)
    payments.mark_payment_failed(order=order)
    assert payments.has_overdue_orders(subscription=order.subscription)
    assert not payments.has_overdue_orders(subscription=make_order(customer={"email": "b@example.com"}).subscription)
