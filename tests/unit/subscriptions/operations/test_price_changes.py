"""Staff move running subscriptions to another price: later, with notice, and once for each subscription."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from integrations.outbox.models import OutboxMessage
from subscriptions.models import PendingChange, Price, Subscription
from subscriptions.money import MAX_AMOUNT
from subscriptions.operations import pending_changes, price_changes, renewals
from subscriptions.operations.pending_changes import Planned
from subscriptions.queries import current_price
from tests.support.concurrency import at_once
from tests.support.factories import STAFF, change_price, make_customer, make_plan, started_subscription

pytestmark = pytest.mark.django_db(transaction=True)

START = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
FEBRUARY = dt.datetime(2026, 2, 28, 10, tzinfo=dt.UTC)
MARCH = dt.datetime(2026, 3, 31, 10, tzinfo=dt.UTC)
APRIL = dt.datetime(2026, 4, 30, 10, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
STAFF_ID = uuid.uuid4()


def running(*, number: int = 0, status: str = "active", plan: object = None) -> Subscription:
    """A subscription of two units, monthly since January 31."""
    customer = make_customer(email=f"ann.{number}@example.com")
    subscription = started_subscription(plan or make_plan(), at=START, customer=customer, quantity=2)  # type: ignore[arg-type]
    Subscription.objects.filter(pk=subscription.pk).update(status=status)
    subscription.refresh_from_db()
    return subscription


@pytest.fixture
def subscription(transactional_db: None) -> Subscription:
    return running()


def dearer(subscription: Subscription) -> Price:
    return change_price(subscription.plan, amount=1500)


def move(subscription: Subscription, price: Price, *, at: dt.datetime = START) -> bool:
    return price_changes.move_to_price(subscription=subscription, price=price, actor=STAFF, at=at)


@pytest.mark.parametrize(
    ("notice", "begins"), [(0, FEBRUARY), (28, FEBRUARY), (29, MARCH), (59, MARCH), (60, APRIL)]
)
def test_the_new_price_begins_at_the_first_boundary_after_the_notice(
    subscription: Subscription, settings: object, notice: int, begins: dt.datetime
) -> None:
    settings.PRICE_CHANGE_NOTICE_DAYS = notice  # type: ignore[attr-defined]
    price = dearer(subscription)
    assert move(subscription, price)
    change = PendingChange.objects.get()
    assert (change.not_before, change.price, change.quantity, change.reason) == (begins, price, 2, "price_change")

    prices = []
    for boundary in (FEBRUARY, MARCH, APRIL):
        renewals.begin_due_renewals(at=boundary)
        subscription.refresh_from_db()
        prices.append((boundary, subscription.price == price))
    assert prices == [(boundary, boundary >= begins) for boundary in (FEBRUARY, MARCH, APRIL)]
    assert subscription.quantity == 2


def test_the_change_is_recorded_and_announced(subscription: Subscription) -> None:
    assert move(subscription, dearer(subscription))
    recorded = subscription.changes.get(kind="plan_change_planned")
    assert (recorded.reason, recorded.actor) == ("price_change", STAFF.name)
    message = OutboxMessage.objects.get(task="emails.price_change")
    assert message.kwargs["pending_change_id"] == str(PendingChange.objects.get().pk)


def test_after_an_outage_over_a_boundary_the_period_that_is_billed_has_its_announced_price(
    subscription: Subscription,
) -> None:
    price = dearer(subscription)
    assert move(subscription, price)
    renewals.begin_due_renewals(at=MARCH - DAY)
    subscription.refresh_from_db()
    assert subscription.price != price, "the new price begins in March"
    renewals.begin_due_renewals(at=APRIL + DAY)
    subscription.refresh_from_db()
    assert subscription.price == price


@pytest.mark.parametrize("status", ["incomplete", "paused", "canceled"])
def test_a_subscription_that_does_not_run_is_not_moved(subscription: Subscription, status: str) -> None:
    Subscription.objects.update(
        status=status, canceled_at=START, renews_at=None if status == "canceled" else FEBRUARY
    )
    assert not move(subscription, dearer(subscription))
    assert PendingChange.objects.count() == 0


@pytest.mark.parametrize("kind", [PendingChange.Kind.CANCEL, PendingChange.Kind.PLAN])
def test_the_plans_of_the_customer_are_left_alone(subscription: Subscription, kind: PendingChange.Kind) -> None:
    is_plan = kind == PendingChange.Kind.PLAN
    planned = Planned(kind=kind, price=subscription.price if is_plan else None, quantity=3 if is_plan else None)
    pending_changes.plan_change(subscription=subscription, planned=planned, actor=STAFF, at=START)
    assert not move(subscription, dearer(subscription))


def test_a_pause_that_is_planned_does_not_stop_the_move(subscription: Subscription) -> None:
    planned = Planned(kind=PendingChange.Kind.PAUSE)
    pending_changes.plan_change(subscription=subscription, planned=planned, actor=STAFF, at=START)
    assert move(subscription, dearer(subscription))


def test_another_plan_another_currency_and_the_same_price_are_no_moves(subscription: Subscription) -> None:
    other_plan = current_price(plan=make_plan())
    assert other_plan is not None
    assert not move(subscription, other_plan)
    assert not move(subscription, subscription.price)
    assert not move(subscription, change_price(subscription.plan, currency="CHF", amount=1500))


def test_a_subscription_whose_total_could_not_be_charged_is_not_moved(subscription: Subscription) -> None:
    price = change_price(subscription.plan, amount=MAX_AMOUNT // 2 + 1)
    assert not move(subscription, price)
    assert price_changes.request_move(price=price, staff_id=STAFF_ID) == 0


@pytest.mark.parametrize("applied", [True, False])
def test_a_message_that_comes_a_month_late_does_not_bring_an_older_price_back(
    subscription: Subscription, applied: bool
) -> None:
    older = dearer(subscription)
    newer = change_price(subscription.plan, amount=1600)
    assert move(subscription, newer)
    if applied:
        renewals.begin_due_renewals(at=MARCH)

    assert price_changes.move_all(price_id=older.pk, staff_id=STAFF_ID, at=MARCH + DAY) == 0

    renewals.begin_due_renewals(at=APRIL)
    subscription.refresh_from_db()
    assert subscription.price == newer


def test_a_move_is_announced_once_and_a_newer_move_replaces_it(subscription: Subscription) -> None:
    price = dearer(subscription)
    assert [move(subscription, price), move(subscription, price)] == [True, False]
    newer = change_price(subscription.plan, amount=1600)
    assert move(subscription, newer)
    outcomes = PendingChange.objects.order_by("created_at", "pk").values_list("price", "outcome")
    assert list(outcomes) == [(price.pk, "replaced"), (newer.pk, "waiting")]


def test_all_running_subscriptions_of_a_plan_are_moved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_changes, "BATCH", 2)
    plan = make_plan()
    statuses = ["active", "trialing", "past_due", "active", "active", "incomplete"]
    for number, status in enumerate(statuses):
        running(number=number, status=status, plan=plan)
    running(number=99)
    price = change_price(plan, amount=1500)

    assert price_changes.request_move(price=price, staff_id=STAFF_ID) == 5
    message = OutboxMessage.objects.get(task="subscriptions.move_to_price")
    assert message.kwargs == {"price_id": str(price.pk), "staff_id": str(STAFF_ID)}
    moved = [price_changes.move_all(price_id=price.pk, staff_id=STAFF_ID, at=START) for _ in range(2)]

    assert moved == [5, 0]
    assert PendingChange.objects.filter(price=price).count() == 5
    assert set(PendingChange.objects.values_list("actor_kind", "actor")) == {("staff", str(STAFF_ID))}
    assert OutboxMessage.objects.filter(task="emails.price_change").count() == 5
    assert price_changes.request_move(price=price, staff_id=STAFF_ID) == 0
    assert OutboxMessage.objects.filter(task="subscriptions.move_to_price").count() == 1


def test_a_long_run_leaves_the_rest_to_a_later_message(
    subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_changes, "MAX_RUN_SECONDS", 0.0)
    price = dearer(subscription)
    assert price_changes.move_all(price_id=price.pk, staff_id=STAFF_ID, at=START) == 0
    assert OutboxMessage.objects.filter(task="subscriptions.move_to_price").count() == 1


def test_two_moves_at_once_are_one(subscription: Subscription) -> None:
    price = dearer(subscription)
    at_once(lambda: price_changes.move_all(price_id=price.pk, staff_id=STAFF_ID, at=START), times=3)
    assert PendingChange.objects.count() == 1
    assert OutboxMessage.objects.filter(task="emails.price_change").count() == 1
