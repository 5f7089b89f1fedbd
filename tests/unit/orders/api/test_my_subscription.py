"""The endpoints that pause and resume a subscription."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orders.models import Order
from subscriptions.models import Customer, Hold, PendingChange, Plan, Subscription
from tests.support.accounts import BackEnd, Browser, customer_with_login
from tests.support.days import NOW, Days
from tests.support.subscriptions import status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)

END = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def subscription(ann: Customer, days: Days) -> Subscription:
    return subscribed(days, customer=ann)


@pytest.fixture
def browser(ann: Customer, days: Days) -> Browser:
    return Browser().log_in(ann)


def test_a_pause_with_an_end(subscription: Subscription, browser: Browser) -> None:
    answer = browser.act(subscription, "pause", {"when": "now", "resume_at": "2026-03-20T10:00:00+01:00"})
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["paused_because"]) == ("paused", ["customer"])
    assert (shown["paused_until"], shown["renews_at"]) == ("2026-03-20T09:00:00Z", None)
    assert shown["allowed_actions"] == ["cancel_now", "resume"]

    answer = browser.act(subscription, "resume", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "active")


def test_a_pause_at_the_end_of_the_period(subscription: Subscription, browser: Browser) -> None:
    answer = browser.act(subscription, "pause", {"when": "period_end"}).json()
    assert answer["status"] == "active"
    assert [(change["kind"], change["lift_at"]) for change in answer["pending_changes"]] == [("pause", None)]
    assert "undo" in answer["allowed_actions"]


def test_an_unpaid_order_is_a_409(subscription: Subscription, browser: Browser) -> None:
    Order.objects.update(status="pending_payment", paid_at=None, fulfilled_at=None)
    answer = browser.act(subscription, "pause", {"when": "now"})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "An order awaits payment. Pause the subscription when it is paid.",
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"when": "tomorrow"}, 422),
        ({"when": "now", "resume_at": "soon"}, 422),
        ({"when": "now", "resume_at": NOW.isoformat()}, 422),
        ({"when": "now", "resume_at": "2036-01-01T00:00:00Z"}, 422),
        ({"when": "period_end", "resume_at": END.isoformat()}, 422),
        ({"when": "now", "surprise": 1}, 400),
    ],
)
def test_an_invalid_request_changes_nothing(
    subscription: Subscription, browser: Browser, body: Any, status: int
) -> None:
    answer = browser.act(subscription, "pause", body)
    assert answer.status_code == status
    assert status_and_reason(subscription) == ("active", "")
    assert not Hold.objects.exists() and not PendingChange.objects.exists()
    if status == 422 and "resume_at" in body:
        assert answer.json()["errors"][0]["field"] == "resume_at"


def cancel(browser: Browser, subscription: Subscription) -> None:
    browser.act(subscription, "cancel", {"when": "now"})


def test_a_reinstatement_is_previewed_and_charged(subscription: Subscription, browser: Browser) -> None:
    assert browser.get(f"me/subscriptions/{subscription.pk}/reinstate/").status_code == 409
    cancel(browser, subscription)
    preview = browser.get(f"me/subscriptions/{subscription.pk}/reinstate/").json()
    assert preview == {
        "plan": subscription.plan.code,
        "quantity": 1,
        "unit_amount": 1290,
        "amount": 1290,
        "currency": "EUR",
    }
    answer = browser.act(subscription, "reinstate", {})
    assert (answer.status_code, answer.json()["status"], answer.json()["canceled_at"]) == (200, "incomplete", None)
    assert Order.objects.get(kind="renewal").amount == 1290


def test_a_plan_that_is_not_sold_any_more_is_a_409(subscription: Subscription, browser: Browser) -> None:
    cancel(browser, subscription)
    Plan.objects.update(is_active=False)
    answer = browser.act(subscription, "reinstate", {})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "The plan is not for sale any more. Choose another one: see /api/v1/plans/.",
    )


def test_a_preview_of_another_customers_reinstatement_is_a_404(subscription: Subscription, browser: Browser) -> None:
    cancel(browser, subscription)
    bob = BackEnd(customer=customer_with_login(email="bob@example.com"))
    assert bob.get(f"me/subscriptions/{subscription.pk}/reinstate/").status_code == 404
