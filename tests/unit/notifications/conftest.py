from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.db import connections
from django.utils import timezone

from integrations.brevo import client as brevo
from integrations.dixa import client as dixa
from integrations.sandbox.app import create_app
from integrations.sandbox.server import bind
from orders.models import Order, OrderLine
from subscriptions.models import Customer, Plan, Subscription


class BrevoSandbox:
    """The sandbox over real HTTP, and what it has received."""

    def __init__(self) -> None:
        self.app = create_app(brevo_contacts_per_second=None, dixa_requests_per_second=None)
        self.server = bind(self.app, port=0)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.http = httpx.Client(base_url=self.url, timeout=10)

    def reset(self) -> None:
        self.http.post("/sandbox/reset").raise_for_status()

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.http.put("/sandbox/faults", json=list(rules)).raise_for_status()

    def records(self, what: str, **query: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"/sandbox/{what}", params=query)
        answer.raise_for_status()
        found = answer.json()
        return list(found["data"] if isinstance(found, dict) else found)

    def calls(self, provider: str, path: str = "") -> list[tuple[str, str, int | None]]:
        """What was asked of a provider: method, path, status."""
        entries = self.records("requests", provider=provider)
        return [(one["method"], one["path"], one["status"]) for one in entries if path in one["path"]]

    def stop(self) -> None:
        self.http.close()
        self.server.shutdown()
        self.thread.join()
        self.app.close()
        self.server.server_close()


@pytest.fixture(scope="session")
def running_brevo_sandbox() -> Iterator[BrevoSandbox]:
    sandbox = BrevoSandbox()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def brevo_sandbox(running_brevo_sandbox: BrevoSandbox, settings: Any) -> Iterator[BrevoSandbox]:
    """An empty sandbox of Brevo and Dixa, which the gateways talk to."""
    running_brevo_sandbox.reset()
    settings.BREVO_API_BASE = f"{running_brevo_sandbox.url}/brevo/v3"
    settings.DIXA_API_BASE = f"{running_brevo_sandbox.url}/dixa/v1"
    yield running_brevo_sandbox
    for client in (brevo.client(), brevo.client(keep_alive=False), dixa.client()):
        client.close()


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


MakeOrder = Callable[..., Order]


@pytest.fixture
def make_order(db: None) -> MakeOrder:
    """Places an order; ``customer`` and ``plan`` are fields that differ from the usual."""

    def make(
        *,
        status: str = Order.Status.PAID,
        customer: Mapping[str, Any] | Customer | None = None,
        plan: Mapping[str, Any] | None = None,
        quantity: int = 1,
        start: dt.datetime | None = None,
        subscription: Subscription | None = None,
    ) -> Order:
        start = start or dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
        buyer = customer if isinstance(customer, Customer) else make_customer(**(customer or {}))
        fields = {"code": "coffee", "name": "Coffee, monthly", "amount": 1290, "currency": "EUR"} | dict(plan or {})
        bought, _ = Plan.objects.get_or_create(code=fields.pop("code"), defaults=fields)
        if subscription is None:
            subscription = Subscription.objects.create(
                customer=buyer,
                plan=bought,
                quantity=quantity,
                payment_method="pm_card_visa",
                current_period_start=start,
                current_period_end=bought.period_end(start),
            )
        amount = bought.amount * quantity
        order = Order.objects.create(
            customer=buyer,
            subscription=subscription,
            status=status,
            amount=amount,
            currency=bought.currency,
            payment_method="pm_card_visa",
            period_start=start,
            period_end=bought.period_end(start),
            paid_at=start if status in (Order.Status.PAID, Order.Status.FULFILLED) else None,
        )
        OrderLine.objects.create(
            order=order,
            plan=bought,
            description=bought.name,
            quantity=quantity,
            unit_amount=bought.amount,
            amount=amount,
        )
        return order

    return make


def make_customer(**fields: Any) -> Customer:
    known = {
        "email": "Ann.Lee@example.com",
        "name": "Ann Lee",
        "phone": "+4915112345678",
        "locale": "en",
        "sms_consent": True,
        **fields,
    }
    return Customer.objects.create(**known, email_key=known["email"].casefold())


@pytest.fixture
def at_once(transactional_db: None) -> Callable[..., list[Any]]:
    """Calls something several times at the same moment, each on a database connection of its own.

    Returns what came of each: the value, or the exception.
    """

    def run(function: Callable[[], Any], *, times: int = 3) -> list[Any]:
        start = threading.Barrier(times)

        def one() -> Any:
            try:
                start.wait()
                return function()
            except Exception as error:
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(times) as pool:
            return [future.result() for future in [pool.submit(one) for _ in range(times)]]

    return run
