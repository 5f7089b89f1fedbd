"""Lifting the last hold resumes the subscription, unless it was to end or to pause by then."""

from __future__ import annotations

import datetime as dt

import pytest

from subscriptions.models import BillingPeriod, Hold, PendingChange, Plan, Subscription
from subscriptions.operations import holds, pending_changes, renewals, resumption, subscriptions
from subscriptions.operations.pending_changes import Planned
from tests.support.deliveries import published
from tests.support.factories import change_price, started_subscription
from tests.support.subscriptions import TESTS, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
Reason = Hold.Reason


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=NOW)
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    return started


def periods_of(subscription: Subscription) -> list[tuple[int, str, dt.datetime, dt.datetime]]:
    rows = BillingPeriod.objects.filter(subscription=subscription).order_by("number")
    return [(row.number, row.outcome, row.start, row.end) for row in rows]


END = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)


class TestPeriods:
    """A hold stops renewals. When it is lifted, they continue in the paid period, or with a new one if it has ended."""

    @pytest.fixture(autouse=True)
    def _held(self, subscription: Subscription) -> None:
        holds.place_hold(subscription=subscription, reason=Reason.CUSTOMER, actor=TESTS, at=NOW)
        subscription.refresh_from_db()
        assert subscription.renews_at is None

    def lift(self, subscription: Subscription, at: dt.datetime, *, is_overdue: bool = False) -> None:
        resumption.lift_hold(
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

    def test_during_a_trial_the_subscription_is_trialing_again(self, subscription: Subscription) -> None:
        BillingPeriod.objects.update(outcome="trial")
        self.lift(subscription, END - dt.timedelta(seconds=1))
        assert subscription.status == "trialing"


class TestPlannedChanges:
    """A dispute pauses the subscription beyond the end of a period for which a change was planned."""

    LATER = END + dt.timedelta(days=3)

    def plan(self, subscription: Subscription, **fields: object) -> None:
        planned = Planned(**fields)  # type: ignore[arg-type]
        pending_changes.plan_change(subscription=subscription, planned=planned, actor=TESTS, at=NOW)
        holds.place_hold(subscription=subscription, reason=Reason.DISPUTED, actor=TESTS, at=NOW)

    def win(self, subscription: Subscription) -> None:
        resumption.lift_hold(
            subscription=subscription, reason=Reason.DISPUTED, is_overdue=False, actor=TESTS, at=self.LATER
        )

    def test_a_planned_cancellation_ends_it_on_time_although_it_is_paused(self, subscription: Subscription) -> None:
        self.plan(subscription, kind=PendingChange.Kind.CANCEL, reason="moved")
        renewals.begin_due_renewals(at=END - dt.timedelta(seconds=1))
        assert status_and_reason(subscription) == ("paused", "disputed")

        renewals.begin_due_renewals(at=END)

        assert status_and_reason(subscription) == ("canceled", "moved")
        assert PendingChange.objects.get().outcome == "applied"

    def test_a_planned_cancellation_ends_it_before_it_resumes(self, subscription: Subscription) -> None:
        self.plan(subscription, kind=PendingChange.Kind.CANCEL, reason="moved")
        self.win(subscription)
        assert status_and_reason(subscription) == ("canceled", "moved")
        assert published() == {"SubscriptionCanceled": 1}

    def test_a_planned_pause_begins(self, subscription: Subscription) -> None:
        self.plan(subscription, kind=PendingChange.Kind.PAUSE)
        self.win(subscription)
        assert status_and_reason(subscription) == ("paused", "customer")
        assert [row[:2] for row in periods_of(subscription)] == [(0, "billed")]

    def test_a_planned_price_is_billed(self, subscription: Subscription, coffee: Plan) -> None:
        price = change_price(coffee, amount=1500)
        self.plan(subscription, kind=PendingChange.Kind.PLAN, price=price, quantity=2)
        self.win(subscription)
        subscription.refresh_from_db()
        assert (subscription.status, subscription.price, subscription.quantity) == ("active", price, 2)
        assert [row[:2] for row in periods_of(subscription)] == [(0, "billed"), (1, "gap"), (2, "due")]

    def test_before_the_end_of_the_period_the_change_waits(self, subscription: Subscription) -> None:
        self.plan(subscription, kind=PendingChange.Kind.CANCEL)
        resumption.lift_hold(
            subscription=subscription, reason=Reason.DISPUTED, is_overdue=False, actor=TESTS, at=NOW
        )
        assert status_and_reason(subscription) == ("active", "")
        assert PendingChange.objects.get().outcome == "waiting"
