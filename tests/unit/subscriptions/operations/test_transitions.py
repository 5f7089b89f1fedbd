"""The statuses of a subscription: every pair is allowed or refused, and each change leaves a row."""

from __future__ import annotations

import ast
import datetime as dt
from itertools import product
from pathlib import Path

import pytest

from subscriptions import actors
from subscriptions.models import Plan, Subscription, SubscriptionChange
from subscriptions.operations import transitions
from subscriptions.operations.transitions import Kind, Status, TransitionNotAllowed
from tests.support.factories import started_subscription
from tests.support.subscriptions import TESTS, put_in_status

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
ROOT = Path(__file__).parents[4]

ALLOWED = {
    ("incomplete", "trialing"),
    ("incomplete", "active"),
    ("incomplete", "canceled"),
    ("trialing", "active"),
    ("trialing", "past_due"),
    ("trialing", "paused"),
    ("trialing", "canceled"),
    ("active", "past_due"),
    ("active", "paused"),
    ("active", "canceled"),
    ("past_due", "active"),
    ("past_due", "paused"),
    ("past_due", "canceled"),
    ("paused", "trialing"),
    ("paused", "active"),
    ("paused", "past_due"),
    ("paused", "canceled"),
    ("canceled", "incomplete"),
}


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return started_subscription(coffee, at=NOW)


@pytest.mark.parametrize(("before", "after"), [*product(Status.values, Status.values)])
def test_every_pair_of_statuses(subscription: Subscription, before: str, after: str) -> None:
    put_in_status(before, subscription=subscription)
    subscription.refresh_from_db()
    subscription.canceled_at, subscription.renews_at = NOW, None
    if (before, after) in ALLOWED:
        subscription.save()
        transitions.change_status(
            subscription=subscription, to=Status(after), kind=Kind.ACTIVATED, actor=TESTS, at=NOW, reason="because"
        )
        change = SubscriptionChange.objects.latest("id")
        assert (change.from_status, change.to_status, change.reason, change.at) == (before, after, "because", NOW)
        assert (change.actor_kind, change.actor) == ("system", "tests")
    else:
        with pytest.raises(TransitionNotAllowed):
            transitions.change_status(
                subscription=subscription, to=Status(after), kind=Kind.ACTIVATED, actor=TESTS, at=NOW
            )
        after = before
        assert SubscriptionChange.objects.count() == 1, "only the start"
    assert Subscription.objects.get().status == after


def test_a_refusal_lists_what_is_allowed(subscription: Subscription) -> None:
    with pytest.raises(TransitionNotAllowed, match="cannot become paused; allowed: active, canceled, trialing"):
        transitions.change_status(
            subscription=subscription, to=Status.PAUSED, kind=Kind.HOLD_PLACED, actor=TESTS, at=NOW
        )


def test_the_start_is_recorded_with_the_customer(subscription: Subscription) -> None:
    change = SubscriptionChange.objects.get()
    assert (change.kind, change.from_status, change.to_status) == ("started", "", "incomplete")
    assert (change.actor_kind, change.actor) == ("customer", str(subscription.customer_id))


def test_an_actor_is_a_customer_staff_or_a_part_of_the_shop(subscription: Subscription) -> None:
    assert actors.customer(subscription.customer_id).name == str(subscription.customer_id)
    assert actors.staff(subscription.customer_id).kind == "staff"
    assert actors.system("charges.dunning") == actors.Actor(kind=actors.ActorKind.SYSTEM, name="charges.dunning")


def writers_of_status() -> set[str]:
    """The modules that assign ``status`` of something called subscription, or update it in a query of subscriptions."""
    found = set()
    for app in ("subscriptions", "orders", "charges", "notifications", "config"):
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts and any(map(_writes_status, ast.walk(ast.parse(path.read_text())))):
                found.add(str(path.relative_to(ROOT)))
    return found


def _writes_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        targets = [
            each for target in node.targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
        statuses = [target for target in targets if isinstance(target, ast.Attribute) and target.attr == "status"]
        return any("subscription" in ast.unparse(target.value) for target in statuses)
    is_update = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update"
    return (
        is_update
        and "Subscription." in ast.unparse(node.func)  # type: ignore[attr-defined]
        and any(keyword.arg == "status" for keyword in node.keywords)  # type: ignore[attr-defined]
    )


def test_only_one_module_writes_the_status() -> None:
    assert writers_of_status() == {"subscriptions/operations/transitions.py"}
