"""Holds: a subscription is paused while at least one is open."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from subscriptions.models import Hold, Plan, Subscription, SubscriptionChange
from subscriptions.operations import holds, resumption, subscriptions
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
Reason = Hold.Reason


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=NOW)
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    return started


def place(subscription: Subscription, reason: Hold.Reason, **fields: Any) -> bool:
    return holds.place_hold(subscription=subscription, reason=reason, actor=TESTS, at=NOW, **fields)


def lift(subscription: Subscription, reason: Hold.Reason, *, is_overdue: bool = False) -> bool:
    return resumption.lift_hold(subscription=subscription, reason=reason, is_overdue=is_overdue, actor=TESTS, at=NOW)


def changes(subscription: Subscription) -> list[tuple[str, str, str, str]]:
    rows = SubscriptionChange.objects.filter(subscription=subscription).order_by("id")
    return list(rows.values_list("kind", "reason", "from_status", "to_status"))[2:]


def test_a_hold_pauses_the_subscription_until_it_is_lifted(subscription: Subscription) -> None:
    assert place(subscription, Reason.DISPUTED)
    assert status_and_reason(subscription) == ("paused", "disputed")
    assert not subscriptions.is_billable(subscription=subscription)

    assert lift(subscription, Reason.DISPUTED)

    assert status_and_reason(subscription) == ("active", "")
    assert subscriptions.is_billable(subscription=subscription)
    assert changes(subscription) == [
        ("hold_placed", "disputed", "active", "paused"),
        ("hold_lifted", "disputed", "paused", "active"),
    ]
    hold = Hold.objects.get()
    assert (hold.placed_at, hold.placed_by_kind, hold.placed_by) == (NOW, "system", "tests")
    assert (hold.lifted_at, hold.lifted_by_kind, hold.lifted_by) == (NOW, "system", "tests")


def test_two_holds_at_once_pause_until_both_are_lifted(subscription: Subscription) -> None:
    assert place(subscription, Reason.DISPUTED)
    assert place(subscription, Reason.UNPAID)
    assert status_and_reason(subscription) == ("paused", "disputed,unpaid")

    assert lift(subscription, Reason.DISPUTED)
    assert status_and_reason(subscription) == ("paused", "unpaid")

    assert lift(subscription, Reason.UNPAID)
    assert status_and_reason(subscription) == ("active", "")
    assert changes(subscription) == [
        ("hold_placed", "disputed", "active", "paused"),
        ("hold_placed", "unpaid", "paused", "paused"),
        ("hold_lifted", "disputed", "paused", "paused"),
        ("hold_lifted", "unpaid", "paused", "active"),
    ]


def test_a_subscription_with_an_overdue_order_resumes_as_past_due(subscription: Subscription) -> None:
    place(subscription, Reason.CUSTOMER)
    lift(subscription, Reason.CUSTOMER, is_overdue=True)
    assert status_and_reason(subscription) == ("past_due", "")


def test_a_second_hold_for_the_same_reason_changes_nothing(subscription: Subscription) -> None:
    place(subscription, Reason.UNPAID)
    assert not place(subscription, Reason.UNPAID)
    assert (Hold.objects.count(), len(changes(subscription))) == (1, 1)


def test_a_hold_that_is_not_open_cannot_be_lifted(subscription: Subscription) -> None:
    place(subscription, Reason.UNPAID)
    assert not lift(subscription, Reason.DISPUTED)
    assert status_and_reason(subscription) == ("paused", "unpaid")


def test_a_hold_can_be_placed_again_after_it_was_lifted(subscription: Subscription) -> None:
    for _ in range(2):
        assert place(subscription, Reason.STAFF)
        assert lift(subscription, Reason.STAFF)
    assert Hold.objects.count() == 2


@pytest.mark.parametrize("status", ["incomplete", "canceled"])
def test_a_subscription_that_has_not_begun_or_has_ended_cannot_be_held(
    subscription: Subscription, status: str
) -> None:
    put_in_status(status, subscription=subscription)
    assert not place(subscription, Reason.STAFF)
    assert (Hold.objects.count(), changes(subscription)) == (0, [])


@pytest.mark.parametrize("status", ["trialing", "active", "past_due"])
def test_a_subscription_that_has_begun_can_be_held(subscription: Subscription, status: str) -> None:
    put_in_status(status, subscription=subscription)
    assert place(subscription, Reason.STAFF)
    assert changes(subscription) == [("hold_placed", "staff", status, "paused")]


def test_cancellation_closes_every_hold(subscription: Subscription) -> None:
    place(subscription, Reason.DISPUTED)
    place(subscription, Reason.UNPAID)

    subscriptions.cancel(subscription=subscription, reason="staff", actor=TESTS, at=NOW)

    assert status_and_reason(subscription) == ("canceled", "staff")
    assert not Hold.objects.filter(lifted_at=None).exists()


def test_the_database_keeps_one_open_hold_for_each_reason(subscription: Subscription) -> None:
    place(subscription, Reason.STAFF)
    with pytest.raises(IntegrityError, match="one_open_hold_per_reason"), transaction.atomic():
        Hold.objects.create(
            subscription=subscription, reason="staff", placed_at=NOW, placed_by_kind="system", placed_by="tests"
        )


def test_the_database_refuses_a_lifted_hold_without_its_actor(subscription: Subscription) -> None:
    place(subscription, Reason.STAFF)
    with pytest.raises(IntegrityError, match="lifted_hold_has_its_actor"), transaction.atomic():
        Hold.objects.update(lifted_at=NOW)
