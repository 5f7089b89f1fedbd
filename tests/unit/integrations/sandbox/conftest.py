"""A sandbox over real HTTP on a free port, and the clients that talk to it."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from integrations.sandbox.app import create_app
from integrations.sandbox.server import bind
from integrations.sandbox.state import Sandbox

KEY = "sk_test_sandbox"
SECRET = "whsec_test"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # Never used, but costs 20 ms for each client that makes its own.


class Running:
    """A sandbox with a server in a thread."""

    def __init__(self, **settings: Any) -> None:
        self.app: Sandbox = create_app(**settings)
        self._server = bind(self.app, port=0)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self._clients: list[httpx.Client] = []

    def http(self, **headers: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, headers=headers, timeout=10, verify=TLS)
        self._clients.append(client)
        return client

    def stripe(self, key: str = KEY, **more: Any) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": f"{self.url}/stripe"}, max_network_retries=0, **more)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
        self.app.close()


class Shop:
    """The shop's end of the webhooks: remembers what came and answers as told."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.received.append((dict(self.headers), body))
                self.send_response(shop.answers.pop(0) if shop.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

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


def wait_for(condition: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError("it never came true")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """One server for the whole module, without rate limits."""
    running = Running(brevo_contacts_per_second=None, dixa_requests_per_second=None)
    yield running
    running.close()


@pytest.fixture
def sandbox(running: Running) -> Running:
    running.app.reset()
    return running


@pytest.fixture
def own_sandbox() -> Iterator[Callable[..., Running]]:
    """Make sandboxes with settings of their own."""
    with contextlib.ExitStack() as stack:

        def make(**settings: Any) -> Running:
            made = Running(**settings)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def client(sandbox: Running) -> stripe.StripeClient:
    return sandbox.stripe()


@pytest.fixture
def control(sandbox: Running) -> httpx.Client:
    return sandbox.http()


@pytest.fixture
def brevo(sandbox: Running) -> httpx.Client:
    return sandbox.http(**{"api-key": "brevo-key"})


@pytest.fixture
def dixa(sandbox: Running) -> httpx.Client:
    return sandbox.http(Authorization="dixa-token")


@pytest.fixture
def customer(client: stripe.StripeClient) -> stripe.Customer:
    return client.v1.customers.create(params={"email": "ann@example.com", "name": "Ann"})


@pytest.fixture
def data_file(tmp_path: Path) -> str:
    return str(tmp_path / "data" / "sandbox.sqlite3")


@pytest.fixture
def attach(client: stripe.StripeClient, customer: stripe.Customer) -> Callable[[str], str]:
    """Give the customer a test card."""

    def attach(alias: str) -> str:
        return client.v1.payment_methods.attach(alias, params={"customer": customer.id}).id

    return attach


@pytest.fixture
def charge(client: stripe.StripeClient, customer: stripe.Customer) -> Callable[..., stripe.PaymentIntent]:
    """Charge a card of the customer, who is away."""

    def charge(method: str, *, key: str | None = None, **more: Any) -> stripe.PaymentIntent:
        params: Any = {
            "amount": 1290,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": method,
            "off_session": True,
            "confirm": True,
            **more,
        }
        return client.v1.payment_intents.create(params=params, options={"idempotency_key": key} if key else {})

    return charge
