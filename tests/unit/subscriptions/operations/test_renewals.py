"""Due renewals begin once, in batches, and at a rate that leaves room for checkouts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations.outbox.models import OutboxMessage
from subscriptions.models import BillingPeriod, Hold, Plan, Subscription
from subscriptions.operations import holds, renewals, subscriptions
from tests.support.concurrency import at_once
from tests.support.factories import make_customer, started_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db(transaction=True)

START = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
DUE = dt.datetime(2026, 2, 28, 10, tzinfo=dt.UTC)
BATCH = renewals.BATCH


def active(plan: Plan, *, at: dt.datetime = START, number: int = 0) -> Subscription:
    customer = make_customer(email=f"ann.{number}@example.com", phone="")
    subscription = started_subscription(plan, at=at, customer=customer)
    subscriptions.activate(subscription=subscription, actor=TESTS, at=at)
    return subscription


def due_messages() -> list[dict[str, Any]]:
    rows = OutboxMessage.objects.filter(task="orders.place_renewal").order_by("not_before", "pk")
    return list(rows.values("kwargs", "not_before"))


def outcomes(subscription: Subscription) -> list[tuple[int, str]]:
    periods = BillingPeriod.objects.filter(subscription=subscription).order_by("number")
    return list(periods.values_list("number", "outcome"))


def test_a_period_begins_when_the_one_before_it_ends(coffee: Plan) -> None:
    subscription = active(coffee)
    assert renewals.begin_due_renewals(at=DUE - dt.timedelta(seconds=1)) == 0

    assert renewals.begin_due_renewals(at=DUE) == 1

    assert outcomes(subscription) == [(0, "billed"), (1, "due")]
    subscription.refresh_from_db()
    assert (subscription.period_number, subscription.renews_at) == (1, dt.datetime(2026, 3, 31, 10, tzinfo=dt.UTC))
    (message,) = due_messages()
    assert message["kwargs"]["subscription_id"] == str(subscription.pk)
    assert message["kwargs"]["period_number"] == 1
    assert renewals.begin_due_renewals(at=DUE) == 0, "the second run finds nothing"


def test_two_schedulers_at_once_begin_each_period_once(coffee: Plan) -> None:
    for number in range(6):
        active(coffee, number=number)

    at_once(*[lambda: renewals.begin_batch(at=DUE, first_slot=DUE, batch=2)] * 6)
    renewals.begin_batch(at=DUE, first_slot=DUE)

    assert BillingPeriod.objects.filter(outcome="due").count() == 6
    assert len({message["kwargs"]["subscription_id"] for message in due_messages()}) == len(due_messages()) == 6


def test_a_run_that_dies_before_its_commit_leaves_everything_to_the_next(
    coffee: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = active(coffee)
    with monkeypatch.context() as patched:
        patched.setattr(renewals, "publish_each", _die)
        with pytest.raises(RuntimeError):
            renewals.begin_due_renewals(at=DUE)
    assert outcomes(subscription) == [(0, "billed")]

    assert renewals.begin_due_renewals(at=DUE) == 1
    assert outcomes(subscription) == [(0, "billed"), (1, "due")]


def _die(events: Any) -> None:
    list(events)
    raise RuntimeError("the process dies")


@pytest.mark.parametrize(("down", "missed"), [(dt.timedelta(days=3), 0), (dt.timedelta(days=92), 3)])
def test_after_an_outage_only_the_period_that_contains_the_present_is_billed(
    coffee: Plan, down: dt.timedelta, missed: int
) -> None:
    subscription = active(coffee)

    assert renewals.begin_due_renewals(at=DUE + down) == 1

    skipped = [(number, "missed") for number in range(1, missed + 1)]
    assert outcomes(subscription) == [(0, "billed"), *skipped, (missed + 1, "due")]


def test_a_period_whose_order_was_never_placed_is_missed_when_the_next_one_begins(coffee: Plan) -> None:
    subscription = active(coffee)
    renewals.begin_due_renewals(at=DUE)

    renewals.begin_due_renewals(at=dt.datetime(2026, 3, 31, 10, tzinfo=dt.UTC))

    assert outcomes(subscription) == [(0, "billed"), (1, "missed"), (2, "due")]


@pytest.mark.parametrize("status", ["incomplete", "past_due"])
def test_a_subscription_with_an_unpaid_order_is_not_billed_and_keeps_its_anchor(coffee: Plan, status: str) -> None:
    subscription = active(coffee)
    Subscription.objects.update(status=status)

    assert renewals.begin_due_renewals(at=DUE) == 0

    assert outcomes(subscription) == [(0, "billed"), (1, "unpaid")]
    subscription.refresh_from_db()
    assert subscription.anchor_at == START
    assert due_messages() == []


def test_a_held_subscription_does_not_renew(coffee: Plan) -> None:
    subscription = active(coffee)
    with transaction.atomic():
        holds.place_hold(subscription=subscription, reason=Hold.Reason.CUSTOMER, actor=TESTS, at=START)

    assert renewals.begin_due_renewals(at=DUE) == 0
    assert outcomes(subscription) == [(0, "billed")]


def test_a_canceled_subscription_does_not_renew(coffee: Plan) -> None:
    subscription = active(coffee)
    with transaction.atomic():
        subscriptions.cancel(subscription=subscription, reason="staff", actor=TESTS, at=START)
    assert renewals.begin_due_renewals(at=DUE) == 0


def test_renewals_are_spread_over_time_and_a_second_run_continues_after_them(
    coffee: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        active(coffee, number=number)
    monkeypatch.setattr(renewals, "BATCH", 2)
    monkeypatch.setattr(renewals, "RENEWALS_PER_SECOND", 2)
    late = active(coffee, at=START + dt.timedelta(seconds=1), number=4)

    renewals.begin_due_renewals(at=DUE)
    renewals.begin_due_renewals(at=DUE + dt.timedelta(seconds=1))

    slots = [(message["not_before"] - DUE).total_seconds() for message in due_messages()]
    assert slots == [0, 0.5, 1, 1.5, 2]
    assert due_messages()[-1]["kwargs"]["subscription_id"] == str(late.pk)


def test_a_batch_takes_a_bounded_number_of_statements(coffee: Plan) -> None:
    for number in range(20):
        active(coffee, number=number)
    with CaptureQueriesContext(connection) as captured:
        assert renewals.begin_batch(at=DUE, first_slot=DUE) == (20, 20)
    assert len(captured) <= 9
