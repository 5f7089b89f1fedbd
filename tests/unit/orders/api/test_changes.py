"""The API of plan changes: what it shows, and what it refuses with which status."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from subscriptions.models import Plan, Subscription
from tests.support.accounts import BackEnd, Browser
from tests.support.factories import make_customer
from tests.support.plan_changes import paid_subscription
from tests.support.subscriptions import put_in_status

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return paid_subscription(coffee, at=timezone.now() - dt.timedelta(days=10))


def post(subscription: Subscription, action: str, body: Any, **caller: Any) -> Any:
    back_end = BackEnd(customer=subscription.customer, **caller)
    return back_end.call("post", f"me/subscriptions/{subscription.pk}/{action}/", body)


def test_a_quote_shows_all_amounts_and_dates(subscription: Subscription) -> None:
    shown = post(subscription, "preview", {"quantity": 2}).json()
    assert set(shown) == {
        "quote", "expires_at", "plan", "quantity", "currency", "when", "applies_at", "lines", "amount_due", "credit",
        "next_renewal_amount", "next_renewal_at",
    }  # fmt: skip
    assert (shown["plan"], shown["quantity"], shown["currency"], shown["when"]) == ("coffee-monthly", 2, "EUR", "now")
    assert sum(line["amount"] for line in shown["lines"]) == shown["amount_due"]
    assert shown["next_renewal_amount"] == 2580


def test_a_change_answers_with_its_order(subscription: Subscription) -> None:
    quote = post(subscription, "preview", {"quantity": 2}).json()
    response = post(subscription, "change", {"quote": quote["quote"]})
    changed = response.json()
    assert (response.status_code, changed["outcome"], changed["applies_at"]) == (202, "awaits_payment", None)
    assert (changed["order"]["status"], changed["order"]["amount"]) == ("pending_payment", quote["amount_due"])
    assert Browser().http.get(changed["order"]["status_url"]).json()["number"] == changed["order"]["number"]


def test_a_planned_change_answers_with_its_date(subscription: Subscription) -> None:
    quote = post(subscription, "preview", {"quantity": 2, "when": "period_end"}).json()
    response = post(subscription, "change", {"quote": quote["quote"]})
    assert (response.status_code, response.json()["outcome"], response.json()["order"]) == (200, "planned", None)
    assert response.json()["applies_at"] == quote["applies_at"] == quote["next_renewal_at"]


@pytest.mark.parametrize(
    ("action", "body", "status", "field"),
    [
        ("preview", {}, 422, "plan"),
        ("preview", {"plan": "unknown"}, 422, "plan"),
        ("preview", {"quantity": 0}, 422, "quantity"),
        ("preview", {"quantity": "2"}, 400, "quantity"),
        ("preview", {"quantity": 2, "when": "soon"}, 422, "when"),
        ("preview", {"amount": 5}, 400, "amount"),
        ("change", {}, 400, "quote"),
        ("change", {"quote": 5}, 400, "quote"),
        ("change", {"quote": "x"}, 422, "quote"),
        ("change", {"quote": str(uuid4())}, 422, "quote"),
    ],
)
def test_a_wrong_request_names_its_field(
    subscription: Subscription, action: str, body: Any, status: int, field: str
) -> None:
    response = post(subscription, action, body)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (status, field)


@pytest.mark.parametrize("status", ["past_due", "paused", "canceled"])
def test_a_subscription_that_cannot_be_changed_is_a_conflict(subscription: Subscription, status: str) -> None:
    quote = post(subscription, "preview", {"quantity": 2}).json()["quote"]
    put_in_status(status, "unpaid")
    for response in (post(subscription, "preview", {"quantity": 2}), post(subscription, "change", {"quote": quote})):
        assert (response.status_code, f"is {status}" in response.json()["detail"]) == (409, True)
        assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("action", ["preview", "change"])
def test_another_customers_subscription_is_not_found(subscription: Subscription, action: str) -> None:
    stranger = BackEnd(customer=make_customer(email="stranger@example.com"))
    path = f"me/subscriptions/{subscription.pk}/{action}/"
    assert stranger.call("post", path, {"quote": str(uuid4())}).status_code == 404


@pytest.mark.parametrize("action", ["preview", "change"])
def test_an_api_key_needs_the_scope_to_write(subscription: Subscription, action: str) -> None:
    assert post(subscription, action, {"quantity": 2}, scopes=["customers.read"]).status_code == 403
