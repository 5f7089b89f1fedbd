"""The endpoint that cancels a subscription."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import Refund
from subscriptions.models import Customer, PendingChange, Subscription
from tests.support.accounts import BackEnd, Browser, customer_with_login
from tests.support.days import Days
from tests.support.subscriptions import put_in_status, status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = dt.timedelta(days=31) / 4  # of March


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def subscription(ann: Customer, days: Days) -> Subscription:
    made = subscribed(days, customer=ann, amount=2490)
    days.pass_(seconds=QUARTER.total_seconds())
    return made


@pytest.fixture
def browser(ann: Customer, days: Days) -> Browser:
    return Browser().log_in(ann)


def preview(browser: Browser, subscription: Subscription) -> dict[str, Any]:
    response = browser.get(f"me/subscriptions/{subscription.pk}/cancel/")
    assert response.status_code == 200
    return dict(response.json())


def test_the_preview_is_what_the_cancellation_refunds(subscription: Subscription, browser: Browser) -> None:
    shown = preview(browser, subscription)
    assert shown == {"ends_at": "2026-04-01T12:00:00Z", "refund": 1868, "currency": "EUR"}

    answer = browser.act(subscription, "cancel", {"when": "now", "refund": True, "reason": "quality"})

    assert (answer.status_code, answer.json()["status"], answer.json()["cancel_reason"]) == (200, "canceled", "quality")
    assert Refund.objects.get().amount == 1868
    assert preview(browser, subscription) == {"ends_at": None, "refund": 0, "currency": "EUR"}


def test_a_cancellation_at_the_end_of_the_period_is_shown(subscription: Subscription, browser: Browser) -> None:
    answer = browser.act(subscription, "cancel", {"when": "period_end", "reason": "not_used"}).json()
    assert (answer["status"], answer["allowed_actions"]) == ("active", ["cancel_now", "undo"])
    assert [(change["kind"], change["reason"]) for change in answer["pending_changes"]] == [("cancel", "not_used")]


def test_without_a_reason_the_reason_is_other(subscription: Subscription, browser: Browser) -> None:
    browser.act(subscription, "cancel", {"when": "now"})
    assert status_and_reason(subscription) == ("canceled", "other")
    assert not Refund.objects.exists()


def test_a_past_due_subscription_is_canceled_at_once_only(subscription: Subscription, browser: Browser) -> None:
    put_in_status("past_due")
    assert browser.act(subscription, "cancel", {"when": "period_end"}).status_code == 409
    assert browser.act(subscription, "cancel", {"when": "now"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"when": "tomorrow"}, 422),
        ({"when": 1}, 422),
        ({"when": "period_end", "refund": True}, 422),
        ({"when": "now", "refund": "yes"}, 400),
        ({"when": "now", "reason": "because"}, 422),
        ({"when": "now", "surprise": 1}, 400),
    ],
)
def test_an_invalid_request_changes_nothing(
    subscription: Subscription, browser: Browser, body: Any, status: int
) -> None:
    assert browser.act(subscription, "cancel", body).status_code == status
    assert status_and_reason(subscription) == ("active", "")
    assert not PendingChange.objects.exists()


def test_another_customer_sees_and_cancels_nothing(subscription: Subscription) -> None:
    bob = BackEnd(customer=customer_with_login(email="bob@example.com"))
    assert bob.get(f"me/subscriptions/{subscription.pk}/cancel/").status_code == 404
    assert bob.act(subscription, "cancel", {"when": "now"}).status_code == 404
    assert status_and_reason(subscription) == ("active", "")


@pytest.mark.parametrize(
    ("scope", "reads", "cancels"), [("customers.read", 200, 403), ("customers.write", 403, 200), ("checkout", 403, 403)]
)
def test_an_api_key_needs_the_scope(
    ann: Customer, subscription: Subscription, scope: str, reads: int, cancels: int
) -> None:
    back_end = BackEnd(scopes=[scope], customer=ann)
    assert back_end.get(f"me/subscriptions/{subscription.pk}/cancel/").status_code == reads
    assert back_end.act(subscription, "cancel", {"when": "now"}).status_code == cancels
