"""A sandbox over HTTP on a free port, and clients for its APIs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests.support.sandboxes import RunningSandbox, WebhookReceiver


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    """One server for the whole module, without rate limits."""
    running = RunningSandbox(brevo_contacts_per_second=None, dixa_requests_per_second=None)
    yield running
    running.close()


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.app.reset()
    return running


@pytest.fixture
def own_sandbox() -> Iterator[Callable[..., RunningSandbox]]:
    """Start sandboxes with other settings."""
    with contextlib.ExitStack() as stack:

        def make(**settings: Any) -> RunningSandbox:
            running = RunningSandbox(**settings)
            stack.callback(running.close)
            return running

        yield make


@pytest.fixture
def shop() -> Iterator[WebhookReceiver]:
    shop = WebhookReceiver()
    yield shop
    shop.close()


@pytest.fixture
def client(sandbox: RunningSandbox) -> stripe.StripeClient:
    return sandbox.stripe()


@pytest.fixture
def control(sandbox: RunningSandbox) -> httpx.Client:
    return sandbox.client()


@pytest.fixture
def brevo(sandbox: RunningSandbox) -> httpx.Client:
    return sandbox.client(**{"api-key": "brevo-key"})


@pytest.fixture
def dixa(sandbox: RunningSandbox) -> httpx.Client:
    return sandbox.client(Authorization="dixa-token")


@pytest.fixture
def customer(client: stripe.StripeClient) -> stripe.Customer:
    return client.v1.customers.create(params={"email": "ann@example.com", "name": "Ann"})


@pytest.fixture
def data_file(tmp_path: Path) -> str:
    return str(tmp_path / "data" / "sandbox.sqlite3")


@pytest.fixture
def attach(client: stripe.StripeClient, customer: stripe.Customer) -> Callable[[str], str]:
    """Attach a test card to the customer."""

    def attach(alias: str) -> str:
        return client.v1.payment_methods.attach(alias, params={"customer": customer.id}).id

    return attach


@pytest.fixture
def charge(client: stripe.StripeClient, customer: stripe.Customer) -> Callable[..., stripe.PaymentIntent]:
    """Charge a payment method of the customer, off session."""

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
