"""At the end of a period, planned changes are applied before the next period begins."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.outbox.models import OutboxMessage
from subscriptions.models import BillingPeriod, PendingChange, Plan, Skip, Subscription
from subscriptions.operations import pending_changes, renewals, subscriptions
from subscriptions.operations.pending_changes import Planned
from subscriptions.queries import current_price
from tests.support.factories import change_price, make_customer, make_plan, started_subscription
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

START = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
FEBRUARY = dt.datetime(2026, 2, 28, 10, tzinfo=dt.UTC)
MARCH = dt.datetime(2026, 3, 31, 10, tzinfo=dt.UTC)
Kind = PendingChange.Kind


def started(plan: Plan, number: int = 0) -> Subscription:
    customer = make_customer(email=f"ann.{number}@example.com", phone="")
    subscription = started_subscription(plan, at=START, customer=customer)
    subscriptions.activate(subscription=subscription, actor=TESTS, at=START)
    return subscription


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return started(coffee)


def planned(subscription: Subscription, kind: PendingChange.Kind, **fields: object) -> PendingChange:
    values = Planned(kind=kind, **fields)  # type: ignore[arg-type]
    return pending_changes.plan_change(subscription=subscription, planned=values, actor=TESTS, at=START)


def periods(subscription: Subscription) -> list[tuple[int, str]]:
    rows = BillingPeriod.objects.filter(subscription=subscription).order_by("number")
    return list(rows.values_list("number", "outcome"))


def test_a_planned_cancellation_ends_the_subscription_at_the_end_of_its_period(subscription: Subscription) -> None:
    change = planned(subscription, Kind.CANCEL, reason="too_expensive")
    assert renewals.begin_due_renewals(at=FEBRUARY - dt.timedelta(seconds=1)) == 0
    assert status_and_reason(subscription) == ("active", "")

    assert renewals.begin_due_renewals(at=FEBRUARY) == 0

    assert status_and_reason(subscription) == ("canceled", "too_expensive")
    change.refresh_from_db()
    assert (change.outcome, change.closed_at) == ("applied", FEBRUARY)
    assert periods(subscription) == [(0, "billed")]
    ended = subscription.changes.get(kind="canceled")
    assert (ended.actor_kind, ended.actor) == (TESTS.kind, TESTS.name)


def test_a_planned_pause_holds_the_subscription_from_the_end_of_its_period(subscription: Subscription) -> None:
    planned(subscription, Kind.PAUSE, lift_at=MARCH)

    assert renewals.begin_due_renewals(at=FEBRUARY + dt.timedelta(hours=1)) == 0

    assert status_and_reason(subscription) == ("paused", "customer")
    hold = subscription.holds.get()
    assert (hold.placed_at, hold.lift_at) == (FEBRUARY, MARCH)
    assert periods(subscription) == [(0, "billed")]


def test_a_pause_that_has_ended_before_it_began_is_dropped(subscription: Subscription) -> None:
    planned(subscription, Kind.PAUSE, lift_at=START + dt.timedelta(days=1))

    assert renewals.begin_due_renewals(at=FEBRUARY) == 1
    assert PendingChange.objects.get().outcome == "dropped"


def test_a_subscription_that_owes_a_payment_is_not_paused(subscription: Subscription) -> None:
    planned(subscription, Kind.PAUSE)
    put_in_status("past_due", subscription=subscription)

    renewals.begin_due_renewals(at=FEBRUARY)

    assert status_and_reason(subscription) == ("past_due", "")
    assert periods(subscription)[-1] == (1, "unpaid")


def test_a_planned_price_begins_with_the_next_period(subscription: Subscription, coffee: Plan) -> None:
    price = change_price(coffee, amount=1500)
    planned(subscription, Kind.PLAN, price=price, quantity=3)

    assert renewals.begin_due_renewals(at=FEBRUARY) == 1

    subscription.refresh_from_db()
    assert (subscription.price, subscription.quantity) == (price, 3)
    assert (subscription.anchor_at, subscription.renews_at) == (START, MARCH)
    changed = subscription.changes.get(kind="plan_changed")
    assert (changed.details["from_quantity"], changed.details["to_price"]) == (1, str(price.pk))


def test_another_interval_makes_the_end_of_the_period_the_new_anchor(subscription: Subscription) -> None:
    weekly = current_price(plan=make_plan(interval="week", interval_count=2))
    planned(subscription, Kind.PLAN, price=weekly, quantity=1)

    assert renewals.begin_due_renewals(at=FEBRUARY) == 1

    subscription.refresh_from_db()
    assert (subscription.plan, subscription.anchor_at) == (weekly.plan if weekly else None, FEBRUARY)
    assert subscription.renews_at == FEBRUARY + dt.timedelta(weeks=2)


def test_a_change_with_notice_does_not_apply_to_a_period_that_began_before_it(
    subscription: Subscription, coffee: Plan
) -> None:
    """The scheduler is late: the notice ends between the boundary and the run."""
    price, ends = change_price(coffee, amount=1500), FEBRUARY + dt.timedelta(days=10)
    planned(subscription, Kind.PLAN, price=price, quantity=1, not_before=ends)

    assert renewals.begin_due_renewals(at=ends + dt.timedelta(days=1)) == 1
    subscription.refresh_from_db()
    assert subscription.price != price

    assert renewals.begin_due_renewals(at=MARCH) == 1
    subscription.refresh_from_db()
    assert subscription.price == price


def test_after_an_outage_another_interval_begins_at_the_boundary_that_was_announced(
    subscription: Subscription,
) -> None:
    weekly = current_price(plan=make_plan(interval="week", interval_count=2))
    planned(subscription, Kind.PLAN, price=weekly, quantity=1, not_before=MARCH)

    assert renewals.begin_due_renewals(at=MARCH + dt.timedelta(days=1)) == 1

    assert periods(subscription) == [(0, "billed"), (1, "missed"), (2, "due")]
    subscription.refresh_from_db()
    assert (subscription.anchor_at, subscription.anchor_number) == (MARCH, 2)
    assert (subscription.current_period_start, subscription.renews_at) == (MARCH, MARCH + dt.timedelta(weeks=2))


@pytest.mark.parametrize("fields", [{"interval": "week"}, {"is_digital": True}])
def test_a_change_of_the_deliveries_ends_the_skips_of_the_old_ones(
    subscription: Subscription, fields: dict[str, object]
) -> None:
    Skip.objects.create(subscription=subscription, period_number=2, actor_kind="customer", actor="ann")
    price = current_price(plan=make_plan(**fields))  # type: ignore[arg-type]
    planned(subscription, Kind.PLAN, price=price, quantity=1)

    renewals.begin_due_renewals(at=FEBRUARY)
    subscription.refresh_from_db()
    assert subscription.renews_at is not None
    renewals.begin_due_renewals(at=subscription.renews_at)

    assert periods(subscription)[-1] == (2, "due")
    assert not Skip.objects.exists()


def test_a_skip_stays_if_the_deliveries_stay(subscription: Subscription, coffee: Plan) -> None:
    Skip.objects.create(subscription=subscription, period_number=1, actor_kind="customer", actor="ann")
    planned(subscription, Kind.PLAN, price=change_price(coffee, amount=1500), quantity=1)
    assert renewals.begin_due_renewals(at=FEBRUARY) == 0
    assert periods(subscription)[-1] == (1, "skipped")


def test_a_skipped_period_is_not_billed_and_keeps_the_anchor(subscription: Subscription) -> None:
    Skip.objects.create(subscription=subscription, period_number=1, actor_kind="customer", actor="ann")

    assert renewals.begin_due_renewals(at=FEBRUARY) == 0
    assert renewals.begin_due_renewals(at=MARCH) == 1

    assert periods(subscription) == [(0, "billed"), (1, "skipped"), (2, "due")]
    assert OutboxMessage.objects.get(task="orders.place_renewal").kwargs["period_number"] == 2


def test_a_cancellation_comes_before_a_pause_and_a_change(subscription: Subscription, coffee: Plan) -> None:
    planned(subscription, Kind.CANCEL)
    planned(subscription, Kind.PAUSE)
    planned(subscription, Kind.PLAN, price=current_price(plan=coffee), quantity=2)

    renewals.begin_due_renewals(at=FEBRUARY)

    assert status_and_reason(subscription)[0] == "canceled"
    assert sorted(PendingChange.objects.values_list("kind", "outcome")) == [
        ("cancel", "applied"),
        ("pause", "dropped"),
        ("plan", "dropped"),
    ]


def test_the_number_of_statements_does_not_grow_with_subscriptions_without_changes(coffee: Plan) -> None:
    counts = []
    for total in (1, 6):
        at = FEBRUARY if total == 1 else MARCH
        for number in range(total):
            if not Subscription.objects.filter(customer__email=f"ann.{number}@example.com").exists():
                started(coffee, number)
        with CaptureQueriesContext(connection) as queries:
            renewals.begin_batch(at=at, first_slot=at)
        counts.append(len(queries))
    assert counts[0] == counts[1]
