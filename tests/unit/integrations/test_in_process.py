"""An application that answers in this process: to Stripe's SDK and to the JSON client, also if it drops connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations import in_process
from integrations.errors import ProviderUnclear
from integrations.http import JsonClient
from integrations.sandbox.app import App, create_app
from integrations.stripe import customers
from integrations.stripe.errors import InvalidRequest

ORIGIN = "http://sandbox.test"


@pytest.fixture
def sandbox(settings: Any) -> Iterator[App]:
    app = create_app(brevo_contacts_per_second=None, dixa_requests_per_second=None)
    settings.STRIPE_API_BASE = f"{ORIGIN}/stripe"
    with in_process.answering(app, origin=ORIGIN):
        yield app
    app.close()


def create_customer() -> Any:
    return customers.create(email="ann@example.com", name="Ann Lee", metadata={}, idempotency_key="key-1")


def brevo() -> JsonClient:
    return JsonClient(provider="brevo", base_url=f"{ORIGIN}/brevo/v3", headers={"api-key": "key"})


def test_stripes_sdk_calls_the_application(sandbox: App) -> None:
    created = create_customer()

    assert sandbox.store.get("customer", created.id) is not None
    assert create_customer().id == created.id, "the idempotency key arrives"


def test_an_error_of_the_application_is_classified_as_usual(sandbox: App) -> None:
    with pytest.raises(InvalidRequest):
        customers.update(customer_id="cus_unknown", email="ann@example.com", name="Ann Lee")


def test_a_dropped_connection_has_an_unknown_outcome(sandbox: App) -> None:
    sandbox.faults.replace([{"kind": "drop"}])
    with pytest.raises(ProviderUnclear):
        create_customer()
    with pytest.raises(ProviderUnclear):
        brevo().request("GET", "/account")


def test_the_json_client_calls_the_application(sandbox: App) -> None:
    brevo().request("POST", "/contacts", json={"email": "ann@example.com"})

    found = brevo().request("GET", "/contacts/ann@example.com")
    assert found.field("email") == "ann@example.com"


def test_without_an_application_calls_go_over_the_network() -> None:
    assert not in_process.answers(f"{ORIGIN}/stripe")
