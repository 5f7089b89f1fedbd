"""Pause a subscription now or at the end of its period, and resume it early."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orders.models import Order
from orders.operations import pauses
from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.models import BillingPeriod, Hold, PendingChange, Plan, Subscription
from subscriptions.operations import holds, renewals, subscriptions
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.commands import Command
from tests.support.deliveries import published
from tests.support.factories import make_order, started_subscription
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
END = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
A_DAY = dt.timedelta(days=1)
STAFF = actors.staff(Order().pk)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=NOW)
    subscriptions.activate(subscription=started, actor=TESTS, at=NOW)
    return started


@pytest.fixture
def customer(subscription: Subscription) -> Actor:
    return actors.customer(subscription.customer_id)


def pause(subscription: Subscription, actor: Actor, *, at: dt.datetime = NOW, **fields: Any) -> bool:
    return pauses.pause_now(
        subscription_id=subscription.pk, actor=actor, at=at, resume_at=fields.pop("resume_at", None), **fields
    )


def pause_at_end(subscription: Subscription, actor: Actor, resume_at: dt.datetime | None = None) -> bool:
    return pauses.pause_at_period_end(subscription_id=subscription.pk, resume_at=resume_at, actor=actor, at=NOW)


def resume(subscription: Subscription, actor: Actor, *, at: dt.datetime = NOW, **fields: Any) -> bool:
    return pauses.resume(subscription_id=subscription.pk, actor=actor, at=at, **fields)


def renew(at: dt.datetime) -> int:
    """Run the scheduler. Returns the number of periods to bill."""
    return renewals.begin_batch(at=at, first_slot=at)[1]


def outcomes() -> list[str]:
    return list(BillingPeriod.objects.order_by("number").values_list("outcome", flat=True))


def test_a_pause_begins_now_and_nothing_renews(subscription: Subscription, customer: Actor) -> None:
    assert pause(subscription, customer, resume_at=END + A_DAY)
    assert status_and_reason(subscription) == ("paused", "customer")
    hold = Hold.objects.get()
    assert (hold.placed_at, hold.lift_at, hold.placed_by) == (NOW, END + A_DAY, customer.name)
    assert renew(END) == 0


def test_resumed_before_the_period_ends_there_is_no_charge(subscription: Subscription, customer: Actor) -> None:
    pause(subscription, customer)
    assert resume(subscription, customer, at=END - A_DAY)
    assert status_and_reason(subscription) == ("active", "")
    assert (published()["SubscriptionRenewalDue"], outcomes()) == (0, ["billed"])
    subscription.refresh_from_db()
    assert (subscription.renews_at, subscription.anchor_at) == (END, NOW)


def test_resumed_later_a_new_period_begins_and_is_charged_once(subscription: Subscription, customer: Actor) -> None:
    pause(subscription, customer)
    resume(subscription, customer, at=END + A_DAY)
    assert (published()["SubscriptionRenewalDue"], outcomes()) == (1, ["billed", "gap", "due"])
    subscription.refresh_from_db()
    assert subscription.anchor_at == END + A_DAY


def test_a_planned_pause_begins_with_the_next_period(subscription: Subscription, customer: Actor) -> None:
    assert pause_at_end(subscription, customer, END + 10 * A_DAY)
    assert status_and_reason(subscription) == ("active", "")
    assert renew(END) == 0
    assert status_and_reason(subscription) == ("paused", "customer")
    assert Hold.objects.get().lift_at == END + 10 * A_DAY


def test_a_pause_now_replaces_the_planned_one(subscription: Subscription, customer: Actor) -> None:
    pause_at_end(subscription, customer)
    pause(subscription, customer)
    assert PendingChange.objects.get().outcome == "replaced"
    resume(subscription, customer)
    assert renew(END) == 1


@pytest.mark.parametrize("status", ["pending_payment", "requires_action", "payment_failed"])
@pytest.mark.parametrize("when", [pause, pause_at_end])
def test_an_unpaid_order_forbids_a_pause(db: None, status: str, when: Any) -> None:
    subscription = make_order(status=status, start=NOW).subscription
    put_in_status("active")
    with pytest.raises(pauses.UnpaidOrder):
        when(subscription, TESTS)
    assert not Hold.objects.exists() and not PendingChange.objects.exists()


@pytest.mark.parametrize("status", ["incomplete", "trialing", "past_due", "paused", "canceled"])
@pytest.mark.parametrize("when", [pause, pause_at_end])
def test_only_an_active_subscription_is_paused(subscription: Subscription, status: str, when: Any) -> None:
    put_in_status(status, "disputed")
    with pytest.raises(ActionNotAllowed):
        when(subscription, TESTS)


@pytest.mark.parametrize("when", [pause, pause_at_end])
def test_a_pause_ends_after_it_begins(subscription: Subscription, customer: Actor, when: Any) -> None:
    begins = NOW if when is pause else END
    for resume_at in (begins - A_DAY, begins, begins + pauses.MAX_PAUSE + A_DAY):
        with pytest.raises(pauses.UnsuitableEnd):
            when(subscription, customer, resume_at=resume_at)
    assert when(subscription, customer, resume_at=begins + pauses.MAX_PAUSE)


def test_a_customer_lifts_only_the_own_hold(subscription: Subscription, customer: Actor) -> None:
    pause(subscription, customer)
    holds.place_hold(subscription=subscription, reason=Hold.Reason.DISPUTED, actor=TESTS, at=NOW)
    assert resume(subscription, customer)
    assert status_and_reason(subscription) == ("paused", "disputed")
    with pytest.raises(ActionNotAllowed):
        resume(subscription, customer)


def test_a_customer_cannot_end_a_pause_of_staff_but_staff_can(subscription: Subscription, customer: Actor) -> None:
    pause(subscription, STAFF)
    assert status_and_reason(subscription) == ("paused", "staff")
    with pytest.raises(ActionNotAllowed):
        resume(subscription, customer)
    assert resume(subscription, STAFF)
    assert status_and_reason(subscription) == ("active", "")


def test_a_pause_that_staff_planned_is_theirs(subscription: Subscription) -> None:
    pause_at_end(subscription, STAFF)
    renew(END)
    assert status_and_reason(subscription) == ("paused", "staff")


def test_staff_end_the_pause_of_a_customer(subscription: Subscription, customer: Actor) -> None:
    pause(subscription, customer)
    resume(subscription, STAFF)
    assert Hold.objects.get().lifted_by_kind == "staff"


def test_repeated_commands_change_nothing(subscription: Subscription, customer: Actor) -> None:
    first, second = Command(key="a", request_hash="a"), Command(key="b", request_hash="b")
    assert pause(subscription, customer, command=first)
    assert resume(subscription, customer, command=second)
    assert not pause(subscription, customer, command=first)
    assert pause(subscription, customer)
    assert not resume(subscription, customer, command=second)
    assert status_and_reason(subscription) == ("paused", "customer")
