"""Plan a cancellation for the end of the period, and undo what is planned."""

from __future__ import annotations

import datetime as dt

import pytest

from subscriptions.models import PendingChange, Plan, Subscription, SubscriptionChange
from subscriptions.operations import cancellation, pending_changes, renewals, subscriptions
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.commands import Command
from subscriptions.operations.pending_changes import Planned
from tests.support.deliveries import published
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
END = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=NOW)
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    return started


def cancel_at_end(subscription: Subscription, key: str = "k") -> bool:
    return cancellation.cancel_at_period_end(
        subscription_id=subscription.pk,
        reason="too_expensive",
        actor=TESTS,
        command=Command(key=key, request_hash="h"),
        at=NOW,
    )


def undo(subscription: Subscription) -> bool:
    return cancellation.undo(
        subscription_id=subscription.pk, actor=TESTS, command=Command(key="u", request_hash="u"), at=NOW
    )


def renew(at: dt.datetime) -> int:
    """Run the scheduler. Returns the number of periods to bill."""
    return renewals.begin_batch(at=at, first_slot=at)[1]


def plan_pause(subscription: Subscription) -> None:
    planned = Planned(kind=PendingChange.Kind.PAUSE)
    pending_changes.plan_change(subscription=subscription, planned=planned, actor=TESTS, at=NOW)


def test_the_subscription_ends_with_its_period(subscription: Subscription) -> None:
    assert cancel_at_end(subscription)
    assert status_and_reason(subscription) == ("active", "")

    assert renew(END) == 0

    assert status_and_reason(subscription) == ("canceled", "too_expensive")
    assert published()["SubscriptionCanceled"] == 1


def test_the_same_command_plans_once(subscription: Subscription) -> None:
    assert [cancel_at_end(subscription), cancel_at_end(subscription)] == [True, False]
    assert PendingChange.objects.count() == 1


def test_a_cancellation_is_planned_once(subscription: Subscription) -> None:
    cancel_at_end(subscription)
    with pytest.raises(ActionNotAllowed):
        cancel_at_end(subscription, key="another")


def test_a_past_due_subscription_is_canceled_at_once_only(subscription: Subscription) -> None:
    put_in_status("past_due")
    with pytest.raises(ActionNotAllowed):
        cancel_at_end(subscription)


def test_undo_only_withdraws_the_cancellation(subscription: Subscription) -> None:
    cancel_at_end(subscription)
    assert [undo(subscription), undo(subscription)] == [True, False]

    [change] = PendingChange.objects.all()
    assert change.outcome == "withdrawn"
    assert published()["SubscriptionRenewalDue"] == 0
    assert renew(END) == 1
    assert status_and_reason(subscription) == ("active", "")


def test_nothing_planned_is_nothing_to_undo(subscription: Subscription) -> None:
    with pytest.raises(ActionNotAllowed):
        undo(subscription)


def test_pause_cancel_and_undo_leave_nothing_planned(subscription: Subscription) -> None:
    plan_pause(subscription)
    cancel_at_end(subscription)
    undo(subscription)

    assert renew(END) == 1
    assert status_and_reason(subscription) == ("active", "")


def test_each_step_is_recorded_with_its_actor(subscription: Subscription) -> None:
    plan_pause(subscription)
    undo(subscription)
    rows = SubscriptionChange.objects.filter(subscription=subscription).order_by("id")
    assert list(rows.values_list("kind", "reason", "actor"))[2:] == [
        ("pause_planned", "", "tests"),
        ("planned_change_closed", "withdrawn", "tests"),
    ]
