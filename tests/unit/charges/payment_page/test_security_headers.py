"""The headers that limit what the page may load and that keep its link secret."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.support.factories import declined_order, place_order
from tests.support.payment_page import order_requiring_action, page_path
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


class TestHeaders:
    @pytest.mark.parametrize(("path", "age"), [("", 0), ("", 8), ("status/", 0), ("status/", 8)])
    def test_the_headers_keep_the_link_secret(self, client: Client, path: str, age: int) -> None:
        response = client.get(f"{page_path(place_order(), age_days=age)}{path}")
        policy = "same-origin" if (path, age) == ("", 8) else "no-referrer"
        assert response["Referrer-Policy"] == policy
        assert response["Cache-Control"] == "no-store"
        assert response["X-Frame-Options"] == "DENY"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert "'unsafe" not in response["Content-Security-Policy"]

    def test_only_stripes_origins_are_allowed(self, client: Client, settings: Any) -> None:
        settings.STRIPE_JS_URL = "https://js.stripe.com/endive/stripe.js"
        policy = client.get(page_path(place_order()))["Content-Security-Policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "script-src 'self' https://js.stripe.com https://*.js.stripe.com" in policy
        assert "connect-src 'self' https://api.stripe.com" in policy
        assert "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com" in policy
        assert "frame-ancestors 'none'" in policy

    def test_in_development_only_the_sandboxs_origin_is_allowed(self, client: Client, settings: Any) -> None:
        settings.STRIPE_JS_URL = "http://127.0.0.1:8420/stripe.js"
        policy = client.get(page_path(place_order()))["Content-Security-Policy"]
        assert "script-src 'self' http://127.0.0.1:8420;" in policy
        assert "stripe.com" not in policy

    def test_the_page_has_no_inline_script_or_style(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        for order in (order_requiring_action(), declined_order("expired_card"), place_order()):
            text = client.get(page_path(order)).text
            scripts = re.findall(r"<script([^>]*)>", text)
            assert scripts
            assert all("src=" in one or 'type="application/json"' in one for one in scripts)
            assert not re.search(r"\son\w+=|\sstyle=", text)

    def test_other_paths_have_no_content_security_policy(self, client: Client) -> None:
        assert "Content-Security-Policy" not in client.get("/api/v1/plans/")
