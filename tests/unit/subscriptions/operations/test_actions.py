"""The table of the actions that each status allows."""

from __future__ import annotations

import datetime as dt

import pytest

from subscriptions.models import Hold, PendingChange, Plan, Skip, Subscription
from subscriptions.operations import actions, holds, pending_changes, resumption, subscriptions
from subscriptions.operations.actions import Action, ActionNotAllowed
from subscriptions.operations.pending_changes import Planned
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS, put_in_status

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
MONTH_LATER = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    Plan.objects.update(max_skips=2)
    started = started_subscription(coffee, at=NOW)
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    return started


def allowed(subscription: Subscription, at: dt.datetime = NOW) -> str:
    subscription.refresh_from_db()
    return " ".join(sorted(actions.allowed_actions(subscription=subscription, at=at)))


def plan(subscription: Subscription, kind: PendingChange.Kind) -> None:
    pending_changes.plan_change(subscription=subscription, planned=Planned(kind=kind), actor=TESTS, at=NOW)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("incomplete", "cancel_now"),
        ("trialing", "cancel_at_period_end cancel_now change"),
        ("active", "cancel_at_period_end cancel_now change pause skip"),
        ("past_due", "cancel_now"),
        ("paused", "cancel_now resume"),
    ],
)
def test_each_status_allows_its_actions(subscription: Subscription, status: str, expected: str) -> None:
    put_in_status(status, "customer")
    assert allowed(subscription) == expected


@pytest.mark.parametrize("status", ["trialing", "active", "past_due", "paused"])
def test_a_planned_cancellation_can_be_undone_or_done_at_once(subscription: Subscription, status: str) -> None:
    plan(subscription, PendingChange.Kind.CANCEL)
    put_in_status(status, "disputed")
    assert allowed(subscription) == "cancel_now undo"


def test_a_planned_pause_can_be_undone(subscription: Subscription) -> None:
    plan(subscription, PendingChange.Kind.PAUSE)
    assert allowed(subscription) == "cancel_at_period_end cancel_now change pause skip undo"


def test_an_undone_change_cannot_be_undone_again(subscription: Subscription) -> None:
    plan(subscription, PendingChange.Kind.PAUSE)
    pending_changes.close_all(
        subscription=subscription, outcome=PendingChange.Outcome.WITHDRAWN, actor=TESTS, at=NOW
    )
    assert "undo" not in allowed(subscription)


def test_skips_are_offered_up_to_the_plans_limit_and_can_be_undone(subscription: Subscription) -> None:
    for number in (1, 2):
        assert "skip" in allowed(subscription).split()
        Skip.objects.create(subscription=subscription, period_number=number, actor_kind="system", actor="tests")
        assert "unskip" in allowed(subscription).split()
    assert "skip" not in allowed(subscription).split()


def test_skips_of_periods_that_have_begun_do_not_count(subscription: Subscription) -> None:
    for number in (1, 2):
        Skip.objects.create(subscription=subscription, period_number=number, actor_kind="system", actor="tests")
    Subscription.objects.update(period_number=2)
    assert {"skip", "unskip"} & set(allowed(subscription).split()) == {"skip"}


def test_a_plan_without_skips_offers_none(subscription: Subscription) -> None:
    Plan.objects.update(max_skips=0)
    assert "skip" not in allowed(subscription)


@pytest.mark.parametrize("reason", ["disputed", "unpaid", "staff"])
def test_a_customer_cannot_end_a_pause_of_the_shop(subscription: Subscription, reason: str) -> None:
    holds.place_hold(subscription=subscription, reason=Hold.Reason(reason), actor=TESTS, at=NOW)
    assert allowed(subscription) == "cancel_now"


def test_a_lifted_pause_of_the_customer_does_not_count(subscription: Subscription) -> None:
    for reason in (Hold.Reason.CUSTOMER, Hold.Reason.STAFF):
        holds.place_hold(subscription=subscription, reason=reason, actor=TESTS, at=NOW)
    resumption.lift_hold(
        subscription=subscription, reason=Hold.Reason.CUSTOMER, is_overdue=False, actor=TESTS, at=NOW
    )
    assert allowed(subscription) == "cancel_now"


def test_a_canceled_subscription_comes_back_within_one_period(subscription: Subscription) -> None:
    subscriptions.cancel(subscription=subscription, reason="other", actor=TESTS, at=NOW)
    assert allowed(subscription) == "reinstate"
    assert allowed(subscription, at=MONTH_LATER) == "reinstate"
    assert allowed(subscription, at=MONTH_LATER + dt.timedelta(seconds=1)) == ""


def test_the_error_says_the_status_and_what_is_allowed(subscription: Subscription) -> None:
    put_in_status("past_due")
    subscription.refresh_from_db()
    with pytest.raises(ActionNotAllowed) as caught:
        actions.require(subscription=subscription, action=Action.PAUSE, at=NOW)
    assert str(caught.value) == (
        "The subscription is past_due, so pause is not possible now. Possible actions: cancel_now."
    )


def test_every_status_is_in_the_table() -> None:
    assert set(actions.BY_STATUS) == set(Subscription.Status)
