"""A subscription has at most one open change of each kind, and every closed one stays with its outcome."""

from __future__ import annotations

import datetime as dt

import pytest

from subscriptions.models import PendingChange, Plan, Subscription
from subscriptions.operations import pending_changes, subscriptions
from subscriptions.operations.pending_changes import Planned
from subscriptions.queries import current_price
from tests.support.concurrency import at_once
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db(transaction=True)

AT = dt.datetime(2026, 2, 1, 10, tzinfo=dt.UTC)
Kind = PendingChange.Kind


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC))
    subscriptions.activate(subscription=started, actor=TESTS, at=AT)
    return started


def plan(subscription: Subscription, kind: PendingChange.Kind, **fields: object) -> PendingChange:
    if kind == Kind.PLAN:
        fields = {"price": current_price(plan=subscription.plan), "quantity": 2, **fields}
    planned = Planned(kind=kind, **fields)  # type: ignore[arg-type]
    return pending_changes.plan_change(subscription=subscription, planned=planned, actor=TESTS, at=AT)


def outcomes() -> list[tuple[str, str]]:
    return list(PendingChange.objects.order_by("pk").values_list("kind", "outcome"))


def test_a_newer_change_replaces_an_older_one_of_its_kind(subscription: Subscription) -> None:
    plan(subscription, Kind.PLAN)
    plan(subscription, Kind.PAUSE)
    plan(subscription, Kind.PLAN, quantity=3)

    assert outcomes() == [("plan", "replaced"), ("pause", "waiting"), ("plan", "waiting")]
    newest = pending_changes.open_change(subscription=subscription, kind=Kind.PLAN)
    assert newest is not None
    assert newest.quantity == 3


def test_a_planned_cancellation_replaces_everything(subscription: Subscription) -> None:
    plan(subscription, Kind.PLAN)
    plan(subscription, Kind.PAUSE)
    plan(subscription, Kind.CANCEL, reason="too_expensive")

    assert outcomes() == [("plan", "replaced"), ("pause", "replaced"), ("cancel", "waiting")]


def test_each_step_is_recorded(subscription: Subscription) -> None:
    first = plan(subscription, Kind.PAUSE)
    second = plan(subscription, Kind.CANCEL, reason="moved")

    recorded = subscription.changes.order_by("pk").values_list("kind", "reason", "details__pending_change")
    assert list(recorded)[-3:] == [
        ("pause_planned", "", str(first.pk)),
        ("planned_change_closed", "replaced", str(first.pk)),
        ("cancel_planned", "moved", str(second.pk)),
    ]


def test_two_requests_at_once_leave_one_open_change(subscription: Subscription) -> None:
    at_once(*[lambda: plan(Subscription.objects.get(pk=subscription.pk), Kind.PAUSE)] * 4)

    assert sorted(outcome for _, outcome in outcomes()) == ["replaced", "replaced", "replaced", "waiting"]


def test_cancellation_drops_the_open_changes(subscription: Subscription) -> None:
    plan(subscription, Kind.PLAN)

    subscriptions.cancel(subscription=subscription, reason="requested", actor=TESTS, at=AT)

    assert outcomes() == [("plan", "dropped")]
    assert subscription.pending_changes.get().closed_at == AT
