"""The description of a subscription for its customer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from subscriptions.api.me_serializers import OwnSubscription
from subscriptions.models import Hold, PendingChange, Plan, Subscription
from subscriptions.operations import holds, pending_changes, subscriptions
from subscriptions.operations.pending_changes import Planned
from subscriptions.operations.periods import begin_due_periods
from subscriptions.operations.trials import begin_trial
from subscriptions.queries import current_price, subscriptions_in_detail
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=7)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=NOW)
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    return started


def described(subscription: Subscription) -> dict[str, Any]:
    found = subscriptions_in_detail(customer_id=subscription.customer_id).get(pk=subscription.pk)
    return dict(OwnSubscription(found, context={"at": NOW}).data)


def hold(subscription: Subscription, reason: Hold.Reason, lift_at: dt.datetime | None = None) -> None:
    holds.place_hold(subscription=subscription, reason=reason, actor=TESTS, at=NOW, lift_at=lift_at)


def test_an_active_subscription_shows_what_is_possible(subscription: Subscription) -> None:
    shown = described(subscription)
    assert shown["allowed_actions"] == ["cancel_at_period_end", "cancel_now", "change", "pause"]
    assert (shown["paused_because"], shown["paused_until"], shown["pending_changes"]) == ([], None, [])


def test_a_pause_shows_its_reasons_and_its_end(subscription: Subscription) -> None:
    hold(subscription, Hold.Reason.CUSTOMER, LATER)
    shown = described(subscription)
    assert (shown["status"], shown["paused_because"]) == ("paused", ["customer"])
    assert shown["paused_until"] == "2026-02-07T12:00:00Z"


def test_a_pause_without_a_planned_end_shows_none(subscription: Subscription) -> None:
    hold(subscription, Hold.Reason.CUSTOMER, LATER)
    hold(subscription, Hold.Reason.DISPUTED)
    shown = described(subscription)
    assert (shown["paused_because"], shown["paused_until"]) == (["customer", "disputed"], None)


def test_planned_changes_are_shown_until_they_are_closed(subscription: Subscription) -> None:
    price = current_price(plan=subscription.plan)
    plan_change = Planned(kind=PendingChange.Kind.PLAN, price=price, quantity=2)
    pending_changes.plan_change(subscription=subscription, planned=plan_change, actor=TESTS, at=NOW)
    [shown] = described(subscription)["pending_changes"]
    assert (shown["kind"], shown["plan"], shown["quantity"]) == ("plan", "coffee-monthly", 2)

    cancel = Planned(kind=PendingChange.Kind.CANCEL, reason="quality")
    pending_changes.plan_change(subscription=subscription, planned=cancel, actor=TESTS, at=NOW)
    [shown] = described(subscription)["pending_changes"]
    assert (shown["kind"], shown["plan"], shown["quantity"], shown["reason"]) == ("cancel", None, None, "quality")


def test_a_trial_shows_its_end_until_it_is_over(coffee: Plan) -> None:
    on_trial = started_subscription(coffee, at=NOW, trial_days=14)
    assert described(on_trial)["trial_ends_at"] is None, "the card is not saved yet"
    begin_trial(subscription=on_trial, actor=TESTS, at=NOW)
    assert described(on_trial)["trial_ends_at"] == "2026-02-14T12:00:00Z"
    begin_due_periods(subscription=on_trial, at=NOW + dt.timedelta(days=14))
    assert (described(on_trial)["status"], described(on_trial)["trial_ends_at"]) == ("trialing", None)
