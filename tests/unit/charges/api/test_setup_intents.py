"""The API that saves a card before the checkout."""

from __future__ import annotations

import datetime as dt
import logging
import socket
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from charges.throttles import SetupIntentThrottle
from integrations.outbox.models import OutboxMessage
from integrations.stripe import setup_intents
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/setup-intents/"
PROBLEM = "application/problem+json"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


class TestSetupIntents:
    def test_it_returns_what_a_browser_needs_to_save_a_card(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        response = client.post(URL, {}, content_type="application/json")

        assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
        data = response.json()
        assert data.keys() == {"id", "client_secret", "publishable_key"}
        assert data["client_secret"].startswith(f"{data['id']}_secret_")
        assert data["publishable_key"] == "pk_test_sandbox"
        [setup_intent] = stripe_sandbox.objects("setup_intents")
        assert (setup_intent["usage"], setup_intent["payment_method_types"], setup_intent["customer"]) == (
            "off_session",
            ["card"],
            None,
        )

    def test_the_client_secret_is_neither_stored_nor_logged(
        self, client: Client, stripe_sandbox: StripeSandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            secret = client.post(URL, {}, content_type="application/json").json()["client_secret"]
        assert secret not in caplog.text
        assert not OutboxMessage.objects.exists()
        assert secret not in repr(setup_intents.SetupIntent(id="seti_1", client_secret=secret))

    @pytest.mark.parametrize(
        ("fault", "wait"),
        [
            ({"kind": "error", "status": 429}, "5"),
            ({"kind": "error", "status": 429, "retry_after": 7}, "7"),
            ({"kind": "error", "status": 429, "retry_after": 86400}, "60"),
            ({"kind": "error", "status": 500}, "5"),
            ({"kind": "error", "status": 401}, "5"),
            ({"kind": "error", "status": 403}, "5"),
            ({"kind": "error", "status": 400}, "5"),
            ({"kind": "drop"}, "5"),
            ({"kind": "non_json"}, "5"),
        ],
        ids=str,
    )
    def test_every_failure_of_stripe_is_a_503(
        self, client: Client, stripe_sandbox: StripeSandbox, fault: dict[str, Any], wait: str
    ) -> None:
        stripe_sandbox.faults(fault)
        response = client.post(URL, {}, content_type="application/json")
        assert (response.status_code, response["Content-Type"], response["Retry-After"]) == (503, PROBLEM, wait)

    def test_a_refused_connection_is_a_503(self, client: Client, settings: Any) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            settings.STRIPE_API_BASE = f"http://127.0.0.1:{unused.getsockname()[1]}"
            assert client.post(URL, {}, content_type="application/json").status_code == 503

    def test_a_silent_stripe_is_a_503_within_seconds(
        self, client: Client, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(setup_intents, "WEB_TIMEOUTS", (0.2, 0.2))
        stripe_sandbox.faults({"kind": "timeout", "seconds": 20})
        began = timezone.now()
        assert client.post(URL, {}, content_type="application/json").status_code == 503
        assert timezone.now() - began < dt.timedelta(seconds=10)

    def test_a_wrong_api_key_is_logged(
        self, client: Client, stripe_sandbox: StripeSandbox, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.STRIPE_API_KEY = "sk_test_wrong"
        assert client.post(URL, {}, content_type="application/json").status_code == 503
        assert "Stripe does not accept our key" in caplog.text

    @pytest.mark.parametrize("body", [{"customer": "cus_1"}, [], "x", 1])
    def test_a_body_with_content_is_rejected(self, client: Client, stripe_sandbox: StripeSandbox, body: Any) -> None:
        response = client.post(URL, body, content_type="application/json")
        assert (response.status_code, response["Content-Type"]) == (400, PROBLEM)
        assert stripe_sandbox.objects("setup_intents") == []

    @pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
    def test_other_methods_are_rejected(self, client: Client, method: str) -> None:
        assert getattr(client, method)(URL).status_code == 405

    def test_too_many_requests_from_one_address_are_rejected(
        self, client: Client, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SetupIntentThrottle, "rate", "2/min", raising=False)
        addresses = ["192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.8"]
        responses = [
            client.post(URL, {}, content_type="application/json", REMOTE_ADDR=address) for address in addresses
        ]
        assert [response.status_code for response in responses] == [201, 201, 429, 201]

    def test_the_addresses_of_one_ipv6_network_share_one_limit(
        self, client: Client, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SetupIntentThrottle, "rate", "2/min", raising=False)
        addresses = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:f::3", "2001:db8:0:2::1", "::ffff:192.0.2.9"]
        responses = [
            client.post(URL, {}, content_type="application/json", REMOTE_ADDR=address) for address in addresses
        ]
        assert [response.status_code for response in responses] == [201, 201, 429, 201, 201]
