"""Customers are reminded of a boundary once, in time, and only if something will be charged at it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from integrations.outbox.models import OutboxMessage
from subscriptions.models import Plan, Reminder, Skip, Subscription
from subscriptions.operations import pending_changes, reminders
from subscriptions.operations.pending_changes import PendingChange, Planned
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.factories import STAFF, make_customer, make_plan, started_subscription

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def running(*, status: str = "active", number: int = 0, **plan: Any) -> Subscription:
    """A subscription that began now and renews on April 1, 31 days later."""
    plan = {"renewal_reminder_days": 7, "trial_reminder_days": 7, **plan}
    customer = make_customer(email=f"buyer-{number}@example.com")
    subscription = started_subscription(make_plan(**plan), customer=customer)
    Subscription.objects.filter(pk=subscription.pk).update(status=status)
    subscription.refresh_from_db()
    return subscription


def remind(*, days: float) -> int:
    """One run of the job, ``days`` after the start."""
    return reminders.publish_due_reminders(at=NOW + days * DAY)


@pytest.mark.parametrize(("status", "kind"), [("active", "renewal"), ("trialing", "trial_ending")])
def test_a_boundary_is_announced_once(status: str, kind: str) -> None:
    subscription = running(status=status)
    assert [remind(days=days) for days in (0, 23.9, 24, 24, 25, 30.9)] == [0, 0, 1, 0, 0, 0]
    row = Reminder.objects.get()
    assert (row.kind, row.subscription, row.boundary, row.lead_days) == (kind, subscription, subscription.renews_at, 7)
    message = OutboxMessage.objects.get(task="emails.reminder")
    assert message.kwargs == {"reminder_id": str(row.pk), "customer_id": str(subscription.customer_id)}


def test_after_an_outage_a_passed_boundary_is_not_announced() -> None:
    running()
    assert remind(days=31) == 0


def test_a_trial_that_is_shorter_than_the_lead_is_announced_at_once() -> None:
    running(status="trialing", trial_reminder_days=60)
    assert remind(days=0) == 1


@pytest.mark.parametrize("status", ["incomplete", "past_due", "paused", "canceled"])
def test_other_statuses_are_not_reminded(status: str) -> None:
    subscription = running()
    renews_at = None if status in ("paused", "canceled") else subscription.renews_at
    Subscription.objects.update(status=status, renews_at=renews_at, canceled_at=NOW)
    assert remind(days=25) == 0


def test_a_plan_without_a_lead_reminds_nobody() -> None:
    running(renewal_reminder_days=0)
    assert remind(days=30.9) == 0


@pytest.mark.parametrize("kind", [PendingChange.Kind.CANCEL, PendingChange.Kind.PAUSE])
def test_who_ends_or_pauses_at_the_boundary_is_not_reminded(kind: PendingChange.Kind) -> None:
    subscription = running()
    pending_changes.plan_change(subscription=subscription, planned=Planned(kind=kind), actor=STAFF, at=NOW)
    assert remind(days=25) == 0
    pending_changes.close_all(
        subscription=subscription, outcome=PendingChange.Outcome.WITHDRAWN, actor=STAFF, at=NOW
    )
    assert remind(days=25) == 1


def test_a_skipped_period_is_not_announced() -> None:
    subscription = running()
    Skip.objects.create(subscription=subscription, period_number=1, actor_kind="customer", actor="x")
    assert remind(days=25) == 0


def test_a_boundary_that_moved_is_another_one() -> None:
    subscription = running(status="trialing")
    assert remind(days=25) == 1
    moved = subscription.current_period_end + 10 * DAY
    Subscription.objects.update(current_period_end=moved, renews_at=moved)
    assert [remind(days=days) for days in (26, 34, 35)] == [0, 1, 0]


def test_a_changed_lead_reminds_again_only_if_it_is_shorter() -> None:
    running()
    assert remind(days=25) == 1
    Plan.objects.update(renewal_reminder_days=20)
    assert remind(days=26) == 0
    Plan.objects.update(renewal_reminder_days=2)
    assert [remind(days=days) for days in (27, 29, 30)] == [0, 1, 0]


def test_the_mails_of_a_run_are_spread_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "BATCH", 2)
    for number in range(5):
        running(number=number)
    assert remind(days=25) == 5
    rows = OutboxMessage.objects.filter(task="emails.reminder").order_by("not_before")
    first = NOW + 25 * DAY
    assert [row.not_before - first for row in rows] == [dt.timedelta(seconds=0.1) * number for number in range(5)]


def test_a_run_leaves_the_rest_to_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "BATCH", 2)
    monkeypatch.setattr(reminders, "MAX_PER_RUN", 2)
    for number in range(3):
        running(number=number)
    assert [remind(days=25) for _ in range(3)] == [2, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_three_runs_at_once_remind_once() -> None:
    for number in range(4):
        running(number=number)
    at_once(lambda: remind(days=25), times=3)
    assert Reminder.objects.count() == 4
    assert OutboxMessage.objects.filter(task="emails.reminder").count() == 4
