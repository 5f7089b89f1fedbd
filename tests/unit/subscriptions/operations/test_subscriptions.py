"""The operations that start a subscription, follow its payments and cancel it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from subscriptions.models import Hold, Plan, Subscription, SubscriptionChange
from subscriptions.operations import holds, subscriptions
from tests.support.deliveries import published
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return started_subscription(coffee, quantity=2, at=NOW)


def test_a_new_subscription_is_incomplete_and_its_period_begins_now(subscription: Subscription) -> None:
    assert status_and_reason(subscription) == ("incomplete", "")
    assert subscription.current_period_start == NOW
    assert subscription.current_period_end == dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
    assert (subscription.quantity, subscription.payment_method) == (2, "pm_1")


OPERATIONS: dict[str, Callable[[Subscription], bool]] = {
    "activate": lambda subscription: subscriptions.activate(subscription=subscription, actor=TESTS, at=NOW),
    "mark_past_due": lambda subscription: subscriptions.mark_past_due(subscription=subscription, actor=TESTS, at=NOW),
    "cancel": lambda subscription: subscriptions.cancel(
        subscription=subscription, reason="staff", actor=TESTS, at=NOW
    ),
}
# The statuses that each operation changes. From every other status, it changes nothing.
ALLOWED = {
    "activate": {"incomplete": "active", "trialing": "active", "past_due": "active"},
    "mark_past_due": {"active": "past_due", "trialing": "past_due"},
    "cancel": dict.fromkeys(["incomplete", "trialing", "active", "past_due", "paused"], "canceled"),
}


@pytest.mark.parametrize("status", Subscription.Status.values)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_from_each_status(subscription: Subscription, operation: str, status: str) -> None:
    put_in_status(status, "disputed", subscription=subscription)
    before = (status_and_reason(subscription), SubscriptionChange.objects.count())

    changed = OPERATIONS[operation](subscription)

    target = ALLOWED[operation].get(status)
    assert changed == (target is not None)
    if target is None:
        assert (status_and_reason(subscription), SubscriptionChange.objects.count()) == before
    else:
        change = SubscriptionChange.objects.latest("id")
        assert (subscription.status, change.from_status, change.to_status) == (target, status, target)


@pytest.mark.parametrize("status", Subscription.Status.values)
def test_a_subscription_is_billable_while_it_runs_and_nothing_holds_it(
    subscription: Subscription, status: str
) -> None:
    put_in_status(status, subscription=subscription)
    subscription.refresh_from_db()
    assert subscriptions.is_billable(subscription=subscription) == (status in ("trialing", "active", "past_due"))


def test_a_cancellation_is_published_once_and_keeps_its_first_time_and_reason(subscription: Subscription) -> None:
    assert subscriptions.cancel(subscription=subscription, reason="staff", actor=TESTS, at=NOW)
    assert not subscriptions.cancel(subscription=subscription, reason="unpaid", actor=TESTS, at=LATER)
    assert status_and_reason(subscription) == ("canceled", "staff")
    assert Subscription.objects.get().canceled_at == NOW
    assert published() == {"SubscriptionCanceled": 1}


def test_the_status_is_read_under_the_lock_and_not_from_a_stale_object(subscription: Subscription) -> None:
    stale = Subscription.objects.get(pk=subscription.pk)
    put_in_status("canceled", "staff", subscription=subscription)
    assert not holds.place_hold(subscription=stale, reason=Hold.Reason.DISPUTED, actor=TESTS, at=NOW)
    assert stale.status == "canceled"


def test_a_new_payment_method_is_recorded_and_leaves_the_status(subscription: Subscription) -> None:
    put_in_status("past_due", subscription=subscription)

    subscriptions.set_payment_method(subscription=subscription, payment_method="pm_2", actor=TESTS, at=NOW)

    row, change = Subscription.objects.get(), SubscriptionChange.objects.latest("id")
    assert (row.payment_method, row.status) == ("pm_2", "past_due")
    assert (change.kind, change.from_status, change.to_status) == ("payment_method_changed", "past_due", "past_due")


def test_a_canceled_subscription_without_its_time_is_impossible(subscription: Subscription) -> None:
    with pytest.raises(IntegrityError, match="canceled_subscription_has_canceled_at"), transaction.atomic():
        Subscription.objects.filter(pk=subscription.pk).update(status="canceled", renews_at=None)
