"""Lifting a hold: the orders decide whether the subscription is active or past due."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from orders.models import Order
from orders.operations import holds as orders_holds
from orders.operations.holds import lift_due_holds, lift_hold
from subscriptions.models import BillingPeriod, Hold, Plan, Subscription
from subscriptions.operations import holds, subscriptions
from subscriptions.operations.locks import locked_subscription
from tests.support.concurrency import at_once
from tests.support.deliveries import published
from tests.support.factories import make_customer, place_order, started_subscription
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
END = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
A_DAY = dt.timedelta(days=1)


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


# Holds with a planned end


def paused_until(lift_at: dt.datetime | None, plan: Plan, *, name: str = "ann") -> Subscription:
    started = started_subscription(plan, at=NOW, customer=make_customer(email=f"{name}@example.com"))
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    holds.place_hold(subscription=started, reason=Hold.Reason.CUSTOMER, actor=TESTS, at=NOW, lift_at=lift_at)
    return started


def test_a_hold_is_lifted_at_its_planned_end(coffee: Plan) -> None:
    subscription = paused_until(END + A_DAY, coffee)
    assert lift_due_holds(at=END + A_DAY - dt.timedelta(seconds=1)) == 0
    assert status_and_reason(subscription) == ("paused", "customer")

    assert lift_due_holds(at=END + A_DAY) == 1

    assert status_and_reason(subscription) == ("active", "")
    assert (Hold.objects.get().lifted_by_kind, Hold.objects.get().lifted_by) == ("system", "orders.holds")
    assert published()["SubscriptionRenewalDue"] == 1
    assert list(BillingPeriod.objects.order_by("number").values_list("outcome", flat=True)) == ["billed", "gap", "due"]
    assert lift_due_holds(at=END + A_DAY) == 0


def test_within_the_paid_period_nothing_is_billed(coffee: Plan) -> None:
    paused_until(END - A_DAY, coffee)
    lift_due_holds(at=END - A_DAY)
    assert published()["SubscriptionRenewalDue"] == 0


def test_holds_without_a_planned_end_and_of_other_reasons_stay(coffee: Plan) -> None:
    forever = paused_until(None, coffee, name="bob")
    disputed = paused_until(END, coffee)
    holds.place_hold(subscription=disputed, reason=Hold.Reason.DISPUTED, actor=TESTS, at=NOW)
    assert lift_due_holds(at=END + A_DAY) == 1
    assert status_and_reason(forever) == ("paused", "customer")
    assert status_and_reason(disputed) == ("paused", "disputed")


def test_every_due_hold_is_lifted_in_batches(coffee: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_holds, "BATCH", 2)
    for number in range(5):
        paused_until(END, coffee, name=str(number))
    assert lift_due_holds(at=END) == 5
    assert published()["SubscriptionRenewalDue"] == 5


def test_two_runs_at_once_lift_each_hold_once(coffee: Plan) -> None:
    for number in range(5):
        paused_until(END, coffee, name=str(number))
    results = at_once(lambda: lift_due_holds(at=END), times=2)
    assert sum(results) == 5
    assert published()["SubscriptionRenewalDue"] == 5


def test_a_subscription_that_another_transaction_holds_is_lifted_by_the_next_run(coffee: Plan) -> None:
    subscription = paused_until(END, coffee)
    with transaction.atomic():
        locked_subscription(subscription_id=subscription.pk)
        assert at_once(lambda: lift_due_holds(at=END)) == [0]
    assert lift_due_holds(at=END) == 1
