"""The base of all actions on a customer's subscription, seen at the action that undoes what is planned."""

from __future__ import annotations

from typing import Any

import pytest

from subscriptions.models import CommandKey, Customer, PendingChange, Subscription
from subscriptions.operations import pending_changes
from subscriptions.operations.pending_changes import Planned
from tests.support.accounts import BackEnd, Browser, customer_with_login
from tests.support.factories import make_order
from tests.support.subscriptions import TESTS, put_in_status

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def subscription(ann: Customer) -> Subscription:
    made: Subscription = make_order(customer=ann).subscription
    put_in_status("active")
    plan_cancellation(made)
    return made


@pytest.fixture
def browser(ann: Customer) -> Browser:
    return Browser().log_in(ann)


def plan_cancellation(subscription: Subscription) -> None:
    planned = Planned(kind=PendingChange.Kind.CANCEL)
    pending_changes.plan_change(subscription=subscription, planned=planned, actor=TESTS, at=subscription.anchor_at)


def outcomes() -> list[str]:
    return list(PendingChange.objects.order_by("pk").values_list("outcome", flat=True))


def test_the_answer_is_the_subscription(browser: Browser, subscription: Subscription) -> None:
    response = browser.act(subscription, "undo", {})
    assert response.status_code == 200, response.text
    assert response.json() == browser.get(f"me/subscriptions/{subscription.pk}/").json()
    assert response.json()["pending_changes"] == []
    assert response.headers["Cache-Control"] == "no-store"
    assert outcomes() == ["withdrawn"]
    assert PendingChange.objects.get().actor == "tests"


def test_a_repeated_key_acts_once(browser: Browser, subscription: Subscription) -> None:
    browser.act(subscription, "undo", {}, key="k")
    plan_cancellation(subscription)
    response = browser.act(subscription, "undo", {}, key="k")
    assert (response.status_code, response.headers["Idempotent-Replayed"]) == (200, "true")
    assert outcomes() == ["withdrawn", "waiting"]


def test_a_key_of_another_action_is_refused(browser: Browser, subscription: Subscription) -> None:
    browser.act(subscription, "undo", {}, key="k")
    response = browser.act(subscription, "cancel", {"when": "now"}, key="k")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("body", [None, {}])
def test_a_key_is_required(browser: Browser, subscription: Subscription, body: Any) -> None:
    response = browser.post(f"me/subscriptions/{subscription.pk}/undo/", body)
    assert response.status_code == 400
    assert outcomes() == ["waiting"]


def test_an_action_that_is_not_allowed_changes_nothing(browser: Browser, subscription: Subscription) -> None:
    browser.act(subscription, "undo", {})
    response = browser.act(subscription, "undo", {}, key="second")
    assert response.status_code == 409
    assert response.json()["detail"].startswith("The subscription is active, so undo is not possible now.")
    assert not CommandKey.objects.filter(key="second").exists()


def test_a_subscription_of_another_customer_is_a_404(subscription: Subscription) -> None:
    bob = customer_with_login(email="bob@example.com")
    assert Browser().log_in(bob).act(subscription, "undo", {}).status_code == 404
    assert BackEnd(customer=bob).act(subscription, "undo", {}).status_code == 404
    assert outcomes() == ["waiting"]


@pytest.mark.parametrize(("scope", "status"), [("customers.read", 403), ("customers.write", 200), ("checkout", 403)])
def test_an_api_key_needs_the_scope(ann: Customer, subscription: Subscription, scope: str, status: int) -> None:
    assert BackEnd(scopes=[scope], customer=ann).act(subscription, "undo", {}).status_code == status
