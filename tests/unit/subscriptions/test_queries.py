from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest

from integrations.errors import PermanentError
from subscriptions import queries
from subscriptions.models import PendingChange, Plan, Reminder, Skip, Subscription, SubscriptionChange
from subscriptions.operations.boundaries import apply_planned_changes
from subscriptions.operations.pending_changes import Planned, close, plan_change
from subscriptions.operations.subscriptions import cancel
from subscriptions.operations.transitions import record
from subscriptions.queries import Cancellation, NextCharge
from tests.support.factories import STAFF, change_price, make_customer, make_plan, started_subscription

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_a_customer_is_read_as_stored_now() -> None:
    ann = make_customer()
    assert queries.customer(customer_id=ann.pk) == ann


def test_an_unknown_customer_is_a_permanent_error() -> None:
    with pytest.raises(queries.CustomerNotFound) as caught:
        queries.customer(customer_id=uuid4())
    assert isinstance(caught.value, PermanentError)


def test_plans_that_are_active_and_within_their_dates_are_for_sale(magazine: Plan, coffee: Plan) -> None:
    make_plan(code="a-retired-plan", is_active=False)
    make_plan(code="christmas-tea", available_from=NOW + HOUR, available_until=NOW + 2 * HOUR)
    assert codes_for_sale(NOW) == ["coffee-monthly", "magazine-monthly"]
    assert codes_for_sale(NOW + HOUR) == ["christmas-tea", "coffee-monthly", "magazine-monthly"]
    assert codes_for_sale(NOW + 2 * HOUR) == ["coffee-monthly", "magazine-monthly"]


def test_a_plan_is_for_sale_at_its_highest_version(coffee: Plan) -> None:
    newer = change_price(coffee, amount=1490)
    assert queries.price_for_sale(code="coffee-monthly", at=NOW) == newer
    assert [price.amount for price in queries.prices_for_sale(at=NOW)] == [1490]
    assert queries.current_price(plan=coffee) == newer


def test_a_plan_that_is_not_for_sale_has_no_price_for_sale(coffee: Plan) -> None:
    Plan.objects.create(code="no-price-yet", name="Tea")
    make_plan(code="a-retired-plan", is_active=False)
    for code in ("no-price-yet", "a-retired-plan", "unknown"):
        assert queries.price_for_sale(code=code, at=NOW) is None


def codes_for_sale(at: dt.datetime) -> list[str]:
    return [price.plan.code for price in queries.prices_for_sale(at=at)]


START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LATER = START + dt.timedelta(days=40)


def active(**plan: Any) -> Subscription:
    """Two units of a monthly plan, from March 1 on."""
    subscription = started_subscription(make_plan(**plan), quantity=2)
    Subscription.objects.update(status="active")
    subscription.refresh_from_db()
    return subscription


def reminder_of(subscription: Subscription, *, kind: str = "renewal") -> Reminder:
    created = Reminder.objects.create(
        subscription=subscription, kind=kind, boundary=subscription.current_period_end, lead_days=7
    )
    found = queries.reminder(reminder_id=created.pk)
    assert found is not None
    return found


def test_the_next_charge_is_due_at_the_end_of_the_period() -> None:
    subscription = active()
    found = queries.next_charge(subscription=subscription)
    assert found == NextCharge(at=subscription.current_period_end, amount=2580, price=subscription.price, quantity=2)


@pytest.mark.parametrize("kind", [PendingChange.Kind.CANCEL, PendingChange.Kind.PAUSE])
def test_no_charge_follows_an_end_or_a_pause(kind: PendingChange.Kind) -> None:
    subscription = active()
    plan_change(subscription=subscription, planned=Planned(kind=kind), actor=STAFF, at=START)
    assert queries.next_charge(subscription=subscription) is None
    Subscription.objects.update(renews_at=None)
    PendingChange.objects.all().delete()
    subscription.refresh_from_db()
    assert queries.next_charge(subscription=subscription) is None


def test_the_next_charge_follows_a_planned_price_and_skipped_periods() -> None:
    subscription = active()
    dearer = change_price(subscription.plan, amount=1500)
    planned = Planned(kind=PendingChange.Kind.PLAN, price=dearer, quantity=3)
    plan_change(subscription=subscription, planned=planned, actor=STAFF, at=START)
    for number in (1, 2, 4):
        Skip.objects.create(subscription=subscription, period_number=number, actor_kind="customer", actor="x")
    found = queries.next_charge(subscription=subscription)
    assert found == NextCharge(at=subscription.period(3).start, amount=4500, price=dearer, quantity=3)


def test_the_next_charge_has_the_old_price_until_the_notice_ends() -> None:
    subscription = active()
    dearer = change_price(subscription.plan, amount=1500)
    planned = Planned(kind=PendingChange.Kind.PLAN, price=dearer, quantity=2, not_before=subscription.period(2).start)
    change = plan_change(subscription=subscription, planned=planned, actor=STAFF, at=START)
    found = queries.next_charge(subscription=subscription)
    assert found is not None and found.amount == 2580
    Skip.objects.create(subscription=subscription, period_number=1, actor_kind="customer", actor="x")
    found = queries.next_charge(subscription=subscription)
    assert found is not None and (found.at, found.amount) == (subscription.period(2).start, 3000)
    assert queries.pending_change(pending_change_id=change.pk) == change
    assert queries.pending_change(pending_change_id=uuid4()) is None


def test_a_reminder_is_true_until_its_boundary() -> None:
    reminder = reminder_of(active())
    assert queries.why_not_remind(reminder=reminder, at=START) == ""
    assert queries.why_not_remind(reminder=reminder, at=reminder.boundary) == "boundary_has_passed"
    assert queries.reminder(reminder_id=uuid4()) is None


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("renewal", {"status": "past_due"}, "subscription_past_due"),
        ("renewal", {"status": "paused", "renews_at": None}, "subscription_paused"),
        ("trial_ending", {}, "subscription_active"),
        ("trial_ending", {"status": "trialing"}, ""),
        (
            "renewal",
            {"renews_at": LATER, "current_period_end": LATER},
            "boundary_has_moved",
        ),
    ],
)
def test_a_reminder_is_untrue_after_a_change(kind: str, change: dict[str, Any], reason: str) -> None:
    reminder = reminder_of(active(), kind=kind)
    Subscription.objects.update(**change)
    reminder.subscription.refresh_from_db()
    assert queries.why_not_remind(reminder=reminder, at=START) == reason


def test_a_reminder_is_untrue_if_nothing_is_charged_at_its_boundary() -> None:
    reminder = reminder_of(active())
    Skip.objects.create(subscription=reminder.subscription, period_number=1, actor_kind="customer", actor="x")
    assert queries.why_not_remind(reminder=reminder, at=START) == "period_is_skipped"
    planned = Planned(kind=PendingChange.Kind.CANCEL)
    plan_change(subscription=reminder.subscription, planned=planned, actor=STAFF, at=START)
    assert queries.why_not_remind(reminder=reminder, at=START) == "subscription_ends"


def cancel_later(subscription: Subscription) -> PendingChange:
    planned = Planned(kind=PendingChange.Kind.CANCEL)
    return plan_change(subscription=subscription, planned=planned, actor=STAFF, at=START)


def last_change(subscription: Subscription) -> SubscriptionChange:
    found = queries.subscription_change(change_id=subscription.changes.latest("pk").pk)
    assert found is not None
    return found


def test_a_planned_cancellation_ends_with_the_period() -> None:
    subscription = active()
    assert queries.cancellation_of(subscription=subscription) is None
    change = cancel_later(subscription)
    expected = Cancellation(received_at=START, ends_at=subscription.current_period_end)
    assert queries.cancellation_of(subscription=subscription) == expected
    assert queries.cancellation(change=last_change(subscription)) == expected
    planned = last_change(subscription)
    close(change=change, outcome=PendingChange.Outcome.WITHDRAWN, actor=STAFF, at=LATER)
    assert queries.cancellation_of(subscription=subscription) is None
    assert queries.cancellation(change=planned) is None


def test_a_cancellation_that_was_planned_was_received_before_the_end() -> None:
    subscription = active()
    cancel_later(subscription)
    planned = last_change(subscription)
    ends = subscription.current_period_end
    apply_planned_changes(due=[subscription], at=ends)
    subscription.refresh_from_db()
    expected = Cancellation(received_at=START, ends_at=ends)
    assert queries.cancellation_of(subscription=subscription) == expected
    assert queries.cancellation(change=planned) == expected


def test_a_cancellation_at_once_and_a_withdrawal() -> None:
    subscription = active()
    cancel(subscription=subscription, reason="withdrawal", actor=STAFF, at=LATER, refunded=500)
    expected = Cancellation(received_at=LATER, ends_at=LATER, is_withdrawal=True, refund=500)
    assert queries.cancellation_of(subscription=subscription) == expected
    assert queries.cancellation(change=last_change(subscription)) == expected
    assert queries.subscription_change(change_id=uuid4()) is None


def test_a_contract_began_with_the_checkout_or_the_last_reinstatement() -> None:
    subscription = active()
    assert queries.contract_began_at(subscription=subscription) == START
    for at in (LATER, LATER + dt.timedelta(days=1)):
        record(subscription=subscription, kind=SubscriptionChange.Kind.REINSTATED, actor=STAFF, at=at)
    assert queries.contract_began_at(subscription=subscription) == LATER + dt.timedelta(days=1)
