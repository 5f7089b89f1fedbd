"""Every transition of a subscription's status: which state it may start from, and what else it changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from subscriptions.models import Plan, Subscription
from subscriptions.operations import subscriptions
from tests.support.deliveries import published
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
BEFORE = NOW - dt.timedelta(days=1)
STATUSES = ["incomplete", "trialing", "active", "past_due", "paused", "canceled"]
Reason = Subscription.StatusReason


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return subscriptions.start_subscription(
        customer=make_customer(), plan=coffee, quantity=2, payment_method="pm_1", shipping_address=None, at=NOW
    )


def in_status(subscription: Subscription, status: str, reason: str = "") -> Subscription:
    """The subscription, brought into this status without an operation."""
    canceled_at = BEFORE if status == "canceled" else None
    Subscription.objects.filter(pk=subscription.pk).update(status=status, status_reason=reason, canceled_at=canceled_at)
    subscription.refresh_from_db()
    return subscription


def stored(subscription: Subscription) -> tuple[str, str, dt.datetime | None]:
    row = Subscription.objects.get(pk=subscription.pk)
    return row.status, row.status_reason, row.canceled_at


def test_a_new_subscription_is_incomplete_and_its_period_begins_now(subscription: Subscription) -> None:
    assert stored(subscription) == ("incomplete", "", None)
    assert subscription.current_period_start == NOW
    assert subscription.current_period_end == dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
    assert (subscription.quantity, subscription.payment_method) == (2, "pm_1")


OPERATIONS: dict[str, Callable[[Subscription], Any]] = {
    "activate": lambda subscription: subscriptions.activate(subscription=subscription),
    "mark_past_due": lambda subscription: subscriptions.mark_past_due(subscription=subscription),
    "pause": lambda subscription: subscriptions.pause(subscription=subscription, reason=Reason.DISPUTED),
    "resume": lambda subscription: subscriptions.resume(subscription=subscription, paused_because=Reason.DISPUTED),
    "cancel": lambda subscription: subscriptions.cancel(subscription=subscription, reason=Reason.STAFF, at=NOW),
}
# The allowed transitions. From every other status, an operation changes nothing.
ALLOWED = {
    "activate": {"incomplete": "active", "past_due": "active"},
    "mark_past_due": {"active": "past_due", "trialing": "past_due"},
    "pause": {"active": "paused", "trialing": "paused", "past_due": "paused"},
    "resume": {"paused": "active"},
    "cancel": {
        "incomplete": "canceled",
        "trialing": "canceled",
        "active": "canceled",
        "past_due": "canceled",
        "paused": "canceled",
    },
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_from_each_status(subscription: Subscription, operation: str, status: str) -> None:
    reason = "disputed" if status == "paused" else "unpaid" if status == "canceled" else ""
    before = stored(in_status(subscription, status, reason))

    result = OPERATIONS[operation](subscription)

    target = ALLOWED[operation].get(status)
    if target is None:
        assert stored(subscription) == before
        assert not result
    else:
        assert stored(subscription)[0] == subscription.status == target
        assert result in (True, None)  # activate and mark_past_due return nothing


def test_every_status_and_every_operation_is_in_the_table() -> None:
    assert set(Subscription.Status) == set(STATUSES)
    assert ALLOWED.keys() == OPERATIONS.keys()


def test_a_paused_subscription_says_why_and_a_resumed_one_no_longer(subscription: Subscription) -> None:
    in_status(subscription, "active")
    subscriptions.pause(subscription=subscription, reason=Reason.UNPAID)
    assert stored(subscription) == ("paused", "unpaid", None)
    subscriptions.resume(subscription=subscription, paused_because=Reason.UNPAID)
    assert stored(subscription) == ("active", "", None)


def test_a_pause_for_another_reason_is_not_resumed(subscription: Subscription) -> None:
    in_status(subscription, "paused", "unpaid")
    assert not subscriptions.resume(subscription=subscription, paused_because=Reason.DISPUTED)
    assert stored(subscription) == ("paused", "unpaid", None)


def test_a_cancellation_is_published_once_and_keeps_its_first_time_and_reason(subscription: Subscription) -> None:
    assert subscriptions.cancel(subscription=subscription, reason=Reason.STAFF, at=NOW)
    assert not subscriptions.cancel(subscription=subscription, reason=Reason.UNPAID, at=NOW + dt.timedelta(days=1))
    assert stored(subscription) == ("canceled", "staff", NOW)
    assert published() == {"SubscriptionCanceled": 1}


def test_the_status_is_read_under_the_lock_and_not_from_a_stale_object(subscription: Subscription) -> None:
    stale = Subscription.objects.get(pk=subscription.pk)
    in_status(subscription, "canceled", "staff")
    assert not subscriptions.pause(subscription=stale, reason=Reason.DISPUTED)
    assert stale.status == "canceled"


def test_a_new_payment_method_changes_nothing_else(subscription: Subscription) -> None:
    in_status(subscription, "past_due")
    subscriptions.set_payment_method(subscription=subscription, payment_method="pm_2")
    row = Subscription.objects.get()
    assert (row.payment_method, row.status) == ("pm_2", "past_due")


def test_a_canceled_subscription_without_its_time_is_impossible(subscription: Subscription) -> None:
    with pytest.raises(IntegrityError, match="canceled_subscription_has_canceled_at"), transaction.atomic():
        Subscription.objects.filter(pk=subscription.pk).update(status="canceled")
