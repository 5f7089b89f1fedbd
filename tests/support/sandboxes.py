"""The stand-ins for Stripe, Brevo and Dixa as tests use them: in a thread, over real HTTP on a free port."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import stripe

from integrations.brevo import client as brevo
from integrations.dixa import client as dixa
from integrations.sandbox.app import create_app
from integrations.sandbox.server import bind
from integrations.sandbox.state import Sandbox

STRIPE_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_test"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # Never used, but each client that makes its own takes 20 ms.


class SandboxControl:
    """The control API of a running sandbox, over ``http``."""

    http: httpx.Client

    def reset(self) -> None:
        self.http.post("/sandbox/reset").raise_for_status()

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the faults in force with these."""
        response = self.http.put("/sandbox/faults", json=list(rules))
        assert response.is_success, response.text

    def records(self, kind: str, **query: str) -> list[dict[str, Any]]:
        """All rows of a kind: ``requests``, ``mails``, ``contacts``, ``stripe/payment_intents``."""
        response = self.http.get(f"/sandbox/{kind}", params=query)
        response.raise_for_status()
        found = response.json()
        return list(found["data"] if isinstance(found, dict) else found)


class RunningSandbox(SandboxControl):
    """A sandbox whose server runs in a thread of this process."""

    def __init__(self, **settings: Any) -> None:
        self.app: Sandbox = create_app(**settings)
        self._server = bind(self.app, port=0)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self._clients: list[httpx.Client] = []
        self.http = self.client()

    def client(self, **headers: str) -> httpx.Client:
        """An HTTP client that sends these headers with each request."""
        client = httpx.Client(base_url=self.url, headers=headers, timeout=10, verify=TLS)
        self._clients.append(client)
        return client

    def stripe(self, key: str = STRIPE_KEY, **options: Any) -> stripe.StripeClient:
        """Stripe's own SDK, pointed at the sandbox."""
        return stripe.StripeClient(key, base_addresses={"api": f"{self.url}/stripe"}, max_network_retries=0, **options)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
        self.app.close()


class StripeSandbox(RunningSandbox):
    """Stripe as the shop's tests use it."""

    def __init__(self) -> None:
        super().__init__(data=":memory:", stripe_api_key=STRIPE_KEY, stripe_webhook_retries=(0.2, 0.2, 0.2))
        self.api_base = f"{self.url}/stripe"

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the faults in force with these, all of them at Stripe."""
        super().faults(*[{"provider": "stripe", **rule} for rule in rules])

    def webhooks_to(self, url: str) -> None:
        self.http.patch("/sandbox/config", json={"stripe.webhook_url": url}).raise_for_status()

    def pass_time(self, seconds: float) -> None:
        self._post("/sandbox/clock", advance_seconds=seconds)

    def replace_card(self, payment_method_id: str, **details: Any) -> None:
        """The card network replaces a card: it gets another ``exp_month``, ``exp_year`` or ``last4``."""
        self._post(f"/sandbox/stripe/payment_methods/{payment_method_id}/automatically_update", **details)

    def requests(self, *, method: str = "POST", path: str = "") -> list[dict[str, Any]]:
        """The requests that the sandbox received."""
        return [
            request
            for request in self.records("requests", provider="stripe", path=path)
            if request["method"] == method
        ]

    def intents(self) -> list[dict[str, Any]]:
        """Every PaymentIntent."""
        return self.records("stripe/payment_intents")

    def statuses(self) -> list[str]:
        """The statuses of all PaymentIntents, sorted."""
        return sorted(intent["status"] for intent in self.intents())

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind in Stripe's own API: ``charges``, ``customers``, ``events``."""
        return self.api("GET", f"/v1/{kind}?limit=100")["data"]

    def api(self, method: str, path: str, **form: str) -> dict[str, Any]:
        """A call to Stripe that the shop does not know of."""
        response = self.http.request(
            method, f"/stripe{path}", data=form or None, headers={"Authorization": f"Bearer {STRIPE_KEY}"}
        )
        assert response.is_success, response.text
        return dict(response.json())

    def confirm_in_browser(self, intent_id: str, card: str) -> None:
        """The customer confirms the open intent with a card, without the shop. The bank may decline it."""
        intent = self.api("GET", f"/v1/payment_intents/{intent_id}")
        # A payment method that the customer already has stays the same; a test alias creates a new one.
        attached = self.api("POST", f"/v1/payment_methods/{card}/attach", customer=intent["customer"])
        self.http.post(
            f"/stripe/v1/payment_intents/{intent_id}/confirm",
            data={"payment_method": attached["id"]},
            headers={"Authorization": f"Bearer {STRIPE_KEY}"},
        )

    def authenticate(self, intent_id: str, outcome: str = "success") -> None:
        """The customer answers the bank's challenge in the browser. The intent may be a setup intent."""
        kind = "setup" if intent_id.startswith("seti_") else "payment"
        self._post(f"/sandbox/stripe/{kind}_intents/{intent_id}/authenticate", outcome=outcome)

    def dispute(self, intent_id: str, **fields: Any) -> str:
        """The cardholder disputes a payment, or only inquires (``reason="inquiry"``). Returns the dispute's id."""
        response = self.http.post("/sandbox/stripe/disputes", json={"payment_intent": intent_id, **fields})
        assert response.is_success, response.text
        return str(response.json()["id"])

    def move_dispute(self, dispute_id: str, phase: str, **fields: str) -> None:
        """``updated`` (to ``status``), ``funds_withdrawn``, ``funds_reinstated``, or ``closed`` (with ``status``)."""
        self._post(f"/sandbox/stripe/disputes/{dispute_id}/{phase}", **fields)

    def settle_refund(self, refund_id: str, outcome: str) -> None:
        """The bank accepts a refund (``succeed``), or returns it (``fail``), days later."""
        self._post(f"/sandbox/stripe/refunds/{refund_id}/{outcome}")

    def idle(self) -> bool:
        """Whether all webhooks are delivered or given up."""
        return bool(self.http.get("/sandbox/health").json()["webhooks_idle"])

    def _post(self, path: str, **body: Any) -> None:
        response = self.http.post(path, json=body)
        assert response.is_success, response.text


class BrevoSandbox(RunningSandbox):
    """Brevo and Dixa as the shop's tests use them, without rate limits."""

    def __init__(self) -> None:
        super().__init__(brevo_contacts_per_second=None, dixa_requests_per_second=None)

    def calls(self, provider: str, path: str = "") -> list[tuple[str, str, int | None]]:
        """The requests to a provider: method, path, status."""
        entries = self.records("requests", provider=provider)
        return [(entry["method"], entry["path"], entry["status"]) for entry in entries if path in entry["path"]]


class WebhookReceiver:
    """The shop's end of the webhooks: remembers every request, and answers with the statuses in ``answers``."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((dict(self.headers), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Write no access log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in list(self.received)]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


# Fixtures, for every test


@pytest.fixture(scope="session")
def running_stripe_sandbox() -> Iterator[StripeSandbox]:
    sandbox = StripeSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def stripe_sandbox(running_stripe_sandbox: StripeSandbox, settings: Any) -> Iterator[StripeSandbox]:
    """An empty Stripe, which the settings point at."""
    settings.STRIPE_API_BASE = running_stripe_sandbox.api_base
    running_stripe_sandbox.webhooks_to("")
    running_stripe_sandbox.reset()
    yield running_stripe_sandbox
    running_stripe_sandbox.webhooks_to("")


@pytest.fixture(scope="session")
def running_brevo_sandbox() -> Iterator[BrevoSandbox]:
    sandbox = BrevoSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def brevo_sandbox(running_brevo_sandbox: BrevoSandbox, settings: Any) -> Iterator[BrevoSandbox]:
    """An empty Brevo and Dixa, which the settings point at."""
    running_brevo_sandbox.reset()
    settings.BREVO_API_BASE = f"{running_brevo_sandbox.url}/brevo/v3"
    settings.DIXA_API_BASE = f"{running_brevo_sandbox.url}/dixa/v1"
    yield running_brevo_sandbox
    for client in (brevo.client(), brevo.client(keep_alive=False), dixa.client()):
        client.close()
