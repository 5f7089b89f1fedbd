from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from subscriptions import erasure_tokens
from subscriptions.models import Customer, Erasure
from subscriptions.operations.erasures import progress
from tests.support.accounts import Browser, customer_with_login
from tests.support.erasures import begun_erasure, finish_other_steps
from tests.support.factories import make_customer, make_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def browser(ann: Customer) -> Browser:
    return Browser().log_in(ann)


def test_the_copy_is_a_file_that_no_cache_stores(browser: Browser) -> None:
    response = browser.get("me/export/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert "attachment" in response.headers["Content-Disposition"]
    assert json.loads(response.getvalue())["account"]["name"] == "Ann Lee"


@pytest.mark.parametrize(("method", "path"), [("get", "me/export/"), ("post", "me/erasure/")])
def test_an_old_login_must_be_renewed(ann: Customer, browser: Browser, method: str, path: str) -> None:
    browser.logged_in_since(timezone.now() - dt.timedelta(minutes=15))
    response = browser.get(path) if method == "get" else browser.post(path, {"export_declined": True})
    assert response.status_code == 403
    assert Erasure.objects.count() == 0
    ann.refresh_from_db()
    assert ann.exported_at is None


def test_the_customer_sees_what_must_be_settled_first(ann: Customer, browser: Browser) -> None:
    assert browser.get("me/erasure/").json() == {
        "possible": True, "reasons": [], "exported_at": None, "export_needed": True,
    }  # fmt: skip
    order = make_order(customer=ann, status="payment_failed")
    browser.get("me/export/").getvalue()
    readiness = browser.get("me/erasure/").json()
    assert (readiness["possible"], readiness["export_needed"]) == (False, False)
    assert order.number in readiness["reasons"][0]


def test_open_money_is_a_conflict_with_its_reasons(ann: Customer, browser: Browser) -> None:
    order = make_order(customer=ann, status="payment_failed")
    response = browser.post("me/erasure/", {"export_declined": True})
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["reasons"] == [f"Order {order.number} is not paid. Pay it, or cancel its subscription."]
    assert browser.is_logged_in()


@pytest.mark.parametrize("body", [{}, {"export_declined": False}])
def test_without_a_copy_it_is_a_conflict(browser: Browser, body: Any) -> None:
    response = browser.post("me/erasure/", body)
    assert response.status_code == 409
    assert "export_declined" in response.json()["detail"]


@pytest.mark.parametrize("body", [{"export_declined": "yes"}, {"sure": True}])
def test_a_malformed_request_is_rejected(browser: Browser, body: Any) -> None:
    assert browser.post("me/erasure/", body).status_code == 400


def test_after_the_request_the_session_ends(ann: Customer, browser: Browser) -> None:
    other = Browser().log_in(ann)
    response = browser.post("me/erasure/", {"export_declined": True})
    assert response.status_code == 202
    assert (response.json()["status"], response.json()["certificate"]) == ("requested", None)
    assert not browser.is_logged_in()
    assert not other.is_logged_in()
    assert browser.post("me/erasure/", {"export_declined": True}).status_code in (401, 403)


def test_the_certificate_is_read_without_a_login(ann: Customer) -> None:
    erasure = begun_erasure(ann)
    url = f"/api/v1/erasures/{erasure_tokens.token_of(erasure_id=erasure.pk)}/"
    assert Client().get(url).json()["status"] == "erasing"
    finish_other_steps(erasure, "dixa")
    progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: "anonymized", at=timezone.now())
    state = Client().get(url).json()
    assert state["status"] == "done"
    assert state["certificate"]["customer"] == str(ann.pk)
    assert state["status_url"].endswith(url)


@pytest.mark.parametrize("token", ["x", "0199f3a0-0000-7000-8000-000000000000:bad"])
def test_a_wrong_token_is_a_404(db: None, token: str) -> None:
    assert Client().get(f"/api/v1/erasures/{token}/").status_code == 404


def test_the_token_of_an_erasure_that_is_not_here_is_a_404(db: None) -> None:
    token = erasure_tokens.token_of(erasure_id=make_customer().pk)
    assert Client().get(f"/api/v1/erasures/{token}/").status_code == 404
