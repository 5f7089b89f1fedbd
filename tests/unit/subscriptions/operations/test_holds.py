"""Holds: a subscription is paused while at least one is open."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from subscriptions.models import BillingPeriod, Hold, Plan, Subscription, SubscriptionChange
from subscriptions.operations import holds, subscriptions
from tests.support.deliveries import published
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
    return holds.lift_hold(subscription=subscription, reason=reason, is_overdue=is_overdue, actor=TESTS, at=NOW)


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


def periods_of(subscription: Subscription) -> list[tuple[int, str, dt.datetime, dt.datetime]]:
    rows = BillingPeriod.objects.filter(subscription=subscription).order_by("number")
    return [(row.number, row.outcome, row.start, row.end) for row in rows]


END = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)


class TestPeriods:
    """A hold stops renewals. When it is lifted, they continue in the paid period, or with a new one if it has ended."""

    @pytest.fixture(autouse=True)
    def _held(self, subscription: Subscription) -> None:
        place(subscription, Reason.CUSTOMER)
        subscription.refresh_from_db()
        assert subscription.renews_at is None

    def lift(self, subscription: Subscription, at: dt.datetime, *, is_overdue: bool = False) -> None:
        holds.lift_hold(
            subscription=subscription, reason=Reason.CUSTOMER, is_overdue=is_overdue, actor=TESTS, at=at
        )
        subscription.refresh_from_db()

    def test_before_the_paid_period_ends_it_goes_on_without_a_charge(self, subscription: Subscription) -> None:
        self.lift(subscription, END - dt.timedelta(seconds=1))
        assert (subscription.renews_at, subscription.anchor_at) == (END, NOW)
        assert periods_of(subscription) == [(0, "billed", NOW, END)]
        assert published() == {}

    def test_later_a_new_period_begins_now_after_a_gap(self, subscription: Subscription) -> None:
        later = dt.datetime(2026, 5, 10, 8, tzinfo=dt.UTC)
        self.lift(subscription, later)
        assert periods_of(subscription) == [
            (0, "billed", NOW, END),
            (1, "gap", END, later),
            (2, "due", later, dt.datetime(2026, 6, 10, 8, tzinfo=dt.UTC)),
        ]
        assert (subscription.anchor_at, subscription.anchor_number, subscription.period_number) == (later, 2, 2)
        assert subscription.period(3).end == dt.datetime(2026, 7, 10, 8, tzinfo=dt.UTC)
        assert published() == {"SubscriptionRenewalDue": 1}

    def test_at_the_end_of_the_paid_period_there_is_no_gap(self, subscription: Subscription) -> None:
        self.lift(subscription, END)
        assert [row[:2] for row in periods_of(subscription)] == [(0, "billed"), (1, "due")]

    def test_with_an_overdue_order_the_new_period_is_not_billed(self, subscription: Subscription) -> None:
        self.lift(subscription, END + dt.timedelta(days=1), is_overdue=True)
        assert [row[:2] for row in periods_of(subscription)] == [(0, "billed"), (1, "gap"), (2, "unpaid")]
        assert published() == {}

    def test_a_period_that_was_due_when_the_hold_came_is_billed_afterwards(self, subscription: Subscription) -> None:
        BillingPeriod.objects.update(outcome="due")
        self.lift(subscription, END - dt.timedelta(days=1))
        assert published() == {"SubscriptionRenewalDue": 1}
