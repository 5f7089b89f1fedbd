"""Every action in every status, through the API: it is allowed and listed, or it is a 409 and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from orders.models import Order
from subscriptions.models import (
    BillingPeriod,
    CommandKey,
    Customer,
    Hold,
    PendingChange,
    Plan,
    Skip,
    Subscription,
    SubscriptionChange,
)
from subscriptions.operations import pending_changes
from subscriptions.operations.pending_changes import Planned
from tests.support.accounts import BackEnd, customer_with_login
from tests.support.factories import make_order
from tests.support.subscriptions import TESTS, put_in_status

pytestmark = pytest.mark.django_db

# The request of each action that ``allowed_actions`` names. Changes of the plan have their own tests.
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "pause": ("pause", {"when": "now"}),
    "resume": ("resume", {}),
    "skip": ("skip", {"period": 2}),
    "unskip": ("unskip", {"period": 1}),
    "cancel_at_period_end": ("cancel", {"when": "period_end"}),
    "cancel_now": ("cancel", {"when": "now"}),
    "undo": ("undo", {}),
    "reinstate": ("reinstate", {}),
}


def plan(kind: PendingChange.Kind) -> Callable[[Subscription], None]:
    def change(subscription: Subscription) -> None:
        put_in_status("active")
        pending_changes.plan_change(
            subscription=subscription, planned=Planned(kind=kind), actor=TESTS, at=timezone.now()
        )

    return change


def cancel(_: Subscription) -> None:
    put_in_status("canceled")
    Subscription.objects.update(canceled_at=timezone.now())


def in_status(status: str, *reasons: str) -> Callable[[Subscription], None]:
    return lambda _: put_in_status(status, *reasons)


STATES: dict[str, tuple[Callable[[Subscription], None], str]] = {
    "incomplete": (in_status("incomplete"), "cancel_now"),
    "trialing": (in_status("trialing"), "cancel_at_period_end cancel_now"),
    "active": (in_status("active"), "cancel_at_period_end cancel_now pause skip unskip"),
    "active, pause planned": (
        plan(PendingChange.Kind.PAUSE),
        "cancel_at_period_end cancel_now pause skip undo unskip",
    ),
    "active, cancel planned": (plan(PendingChange.Kind.CANCEL), "cancel_now undo"),
    "past_due": (in_status("past_due"), "cancel_now"),
    "paused by the customer": (in_status("paused", "customer"), "cancel_now resume"),
    "paused by the shop": (in_status("paused", "disputed", "unpaid", "staff"), "cancel_now"),
    "paused for both": (in_status("paused", "customer", "disputed"), "cancel_now resume"),
    "canceled": (cancel, "reinstate"),
    "canceled long ago": (in_status("canceled"), ""),
}


@pytest.fixture
def ann(db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def subscription(ann: Customer) -> Subscription:
    made: Subscription = make_order(customer=ann, start=timezone.now()).subscription
    Plan.objects.update(max_skips=2)
    Skip.objects.create(subscription=made, period_number=1, actor_kind="system", actor="tests")
    return made


@pytest.fixture
def shop(ann: Customer) -> BackEnd:
    return BackEnd(customer=ann)


TABLES = (
    Subscription, Hold, PendingChange, Skip, BillingPeriod, SubscriptionChange, CommandKey, Order, OutboxMessage,
)  # fmt: skip


def everything() -> list[Any]:
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


@pytest.mark.parametrize(("state", "action"), [*product(STATES, REQUESTS)])
def test_an_action_is_listed_and_done_or_refused_without_an_effect(
    shop: BackEnd, subscription: Subscription, state: str, action: str
) -> None:
    prepare, expected = STATES[state]
    prepare(subscription)
    path, body = REQUESTS[action]
    listed = shop.get(f"me/subscriptions/{subscription.pk}/").json()["allowed_actions"]
    assert [name for name in listed if name in REQUESTS] == expected.split()
    before = everything()

    answer = shop.act(subscription, path, body, key="k")

    if action in expected.split():
        assert (answer.status_code, everything() != before) == (200, True), answer.text
    else:
        assert (answer.status_code, everything()) == (409, before)
        assert "Possible actions: " in answer.json()["detail"]
    after = everything()
    repeated = shop.act(subscription, path, body, key="k")
    assert (repeated.status_code, everything()) == (answer.status_code, after), "the same key has its effect once"


@pytest.mark.parametrize("state", STATES)
def test_a_pause_at_the_end_of_the_period_is_allowed_where_a_pause_is(
    shop: BackEnd, subscription: Subscription, state: str
) -> None:
    prepare, expected = STATES[state]
    prepare(subscription)
    answer = shop.act(subscription, "pause", {"when": "period_end"})
    assert answer.status_code == (200 if "pause" in expected.split() else 409)
