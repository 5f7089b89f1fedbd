"""When a subscription may be changed, and what the customer reads if not."""

from __future__ import annotations

import datetime as dt

import pytest

from orders.models import Order
from orders.operations.plan_changes.permission import UnableToChange
from subscriptions.models import BillingPeriod, PendingChange, Plan, Subscription
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.pending_changes import Planned, plan_change
from tests.support.days import NOW
from tests.support.plan_changes import PAYMENT, PERIOD_END, change, paid_subscription, quote
from tests.support.subscriptions import TESTS, put_in_status

pytestmark = pytest.mark.django_db

LATER = NOW + dt.timedelta(days=10)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return paid_subscription(coffee)


def refusal(subscription: Subscription, *, at: dt.datetime = LATER, when: PendingChange.When = PAYMENT) -> str:
    with pytest.raises((UnableToChange, ActionNotAllowed)) as refused:
        quote(subscription, at=at, quantity=2, when=when)
    return str(refused.value)


@pytest.mark.parametrize("status", ["incomplete", "past_due", "paused", "canceled"])
@pytest.mark.parametrize("when", [PAYMENT, PERIOD_END])
def test_only_a_trialing_or_active_subscription_is_changed(
    subscription: Subscription, status: str, when: PendingChange.When
) -> None:
    put_in_status(status, "unpaid")
    assert f"is {status}" in refusal(subscription, when=when)


def test_a_planned_cancellation_must_be_undone_first(subscription: Subscription) -> None:
    plan_change(subscription=subscription, planned=Planned(kind=PendingChange.Kind.CANCEL), actor=TESTS, at=NOW)
    assert "Possible actions: cancel_now, undo." in refusal(subscription)


def test_a_planned_pause_does_not_hinder_a_change(subscription: Subscription) -> None:
    plan_change(subscription=subscription, planned=Planned(kind=PendingChange.Kind.PAUSE), actor=TESTS, at=NOW)
    assert quote(subscription, at=LATER, quantity=2).amount > 0


def test_one_change_at_a_time_waits_for_its_payment(subscription: Subscription) -> None:
    change(subscription, at=LATER, quantity=3)
    assert "waits for its payment" in refusal(subscription)


def test_an_unpaid_order_must_be_paid_first(subscription: Subscription) -> None:
    Order.objects.update(status="pending_payment", paid_at=None)
    assert "not paid yet" in refusal(subscription)


@pytest.mark.parametrize("when", [PAYMENT, PERIOD_END])
def test_a_subscription_is_not_changed_while_it_is_renewed(
    subscription: Subscription, when: PendingChange.When
) -> None:
    assert "being renewed" in refusal(subscription, at=subscription.current_period_end, when=when)
    BillingPeriod.objects.update(outcome="due")
    assert "being renewed" in refusal(subscription, when=when)


def test_after_the_cut_off_a_change_is_possible_for_a_later_delivery(subscription: Subscription) -> None:
    Plan.objects.update(cut_off_hours=24)
    at = subscription.current_period_end - dt.timedelta(hours=23)
    assert "`period_end`" in refusal(subscription, at=at)
    assert quote(subscription, at=at, quantity=2, when=PERIOD_END).amount == 0
    assert quote(subscription, at=at - dt.timedelta(hours=2), quantity=2, when=PAYMENT).when == PAYMENT
