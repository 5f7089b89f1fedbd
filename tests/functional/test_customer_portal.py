"""The example portal of the documentation works against the shop."""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.urls import resolve

from subscriptions.models import PendingChange
from subscriptions.operations import subscriptions
from tests.support.accounts import Browser, customer_with_login
from tests.support.factories import make_plan, started_subscription
from tests.support.subscriptions import TESTS

FOLDER = Path(__file__).resolve().parents[2] / "docs/examples/customer-portal"
SESSION_COOKIE = settings.SESSION_COOKIE_NAME


def serve_module() -> Any:
    spec = importlib.util.spec_from_file_location("serve", FOLDER / "serve.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def portal(live_server: Any) -> Iterator[str]:
    """The address of a running portal that passes calls on to the shop."""
    handler = type("Quiet", (serve_module().Portal,), {"shop": live_server.url, "log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.django_db(transaction=True)
def test_a_customer_pauses_a_subscription_in_the_portal(portal: str) -> None:
    customer = customer_with_login()
    subscription = started_subscription(make_plan(), customer=customer)
    subscriptions.activate(subscription=subscription, actor=TESTS, at=subscription.created_at)
    session = Browser().log_in(customer).http.cookies[SESSION_COOKIE].value

    with httpx.Client(base_url=portal, cookies={SESSION_COOKIE: session}) as browser:
        assert "My subscriptions" in browser.get("/").text
        csrf = browser.get("/api/v1/auth/session/").json()["csrf_token"]
        (listed,) = browser.get("/api/v1/me/subscriptions/").json()["results"]
        assert "pause" in listed["allowed_actions"]
        paused = browser.post(
            f"/api/v1/me/subscriptions/{listed['id']}/pause/",
            json={"when": "period_end"},
            headers={"X-CSRFToken": csrf, "Idempotency-Key": str(uuid4())},
        )

    assert paused.status_code == 200, paused.text
    assert PendingChange.objects.get().kind == "pause"


def test_the_portal_calls_only_endpoints_that_exist() -> None:
    page = (FOLDER / "portal.html").read_text()
    called = set(re.findall(r'api\("(?:GET|POST)", "([^"]+)"', page)) | set(re.findall(r'"(me/[a-z/-]+)"', page))
    actions = set(re.findall(r'act\("([a-z_]+)"', page)) | set(re.findall(r'path \+ "([a-z]+)/"', page))
    assert len(called) >= 7 and len(actions) >= 8
    for path in called | {f"me/subscriptions/{uuid4()}/{action}/" for action in actions}:
        assert resolve(f"/api/v1/{path}"), path
