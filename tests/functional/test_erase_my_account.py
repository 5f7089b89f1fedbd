"""A customer downloads all data and has it erased: here, at Stripe, at Brevo and at Dixa."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from integrations.sqs.topology import QUEUES
from orders.models import Order
from subscriptions.models import Customer, Subscription, User
from tests.support.accounts import Browser
from tests.support.days import Days
from tests.support.sandboxes import BrevoSandbox, StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

ADA = {"email": "Ada.Lovelace@example.com", "name": "Ada Lovelace", "phone": "+4915112345678", "sms_consent": True,
       "marketing_consent": True}  # fmt: skip
ADDRESS = {"line1": "Analytical Street 12", "postal_code": "10827", "city": "Berlin", "country": "DE"}
# What must not be found anywhere afterwards.
PERSONAL = ("lovelace", "15112345678", "analytical", "10827", "4242")


@pytest.fixture
def shop(days: Days, brevo_sandbox: BrevoSandbox, coffee: Any) -> Days:
    """A shop in which the workers of all queues run."""
    days.QUEUES = tuple(queue.name for queue in QUEUES)  # type: ignore[misc]
    return days


def buy(**fields: Any) -> Any:
    body = {"plan": "coffee-monthly", "payment_method": "pm_card_visa", "customer": ADA, "shipping_address": ADDRESS}
    return Client().post(
        "/api/v1/checkout/",
        {**body, **fields},
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid4())},
    )


@pytest.fixture
def ada(shop: Days) -> Customer:
    """Ada bought coffee, which is paid and on its way."""
    assert buy().status_code == 201
    shop.settle()
    return Customer.objects.get()


@pytest.fixture
def browser(ada: Customer) -> Browser:
    return Browser().log_in(ada)


def everything_stored() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT to_jsonb(row)::text FROM "{table}" AS row')
            rows += [f"{table}: {text}" for (text,) in cursor.fetchall()]
    return "\n".join(rows).lower()


def found_in(text: str) -> set[str]:
    return {f"{word}: {line[:200]}" for line in text.splitlines() for word in PERSONAL if word in line}


def download(browser: Browser) -> Any:
    response = browser.get("me/export/")
    assert response.status_code == 200, response.content
    return json.loads(response.getvalue())


def test_everything_personal_is_erased_everywhere(
    shop: Days, ada: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, stripe_sandbox: StripeSandbox
) -> None:
    before = everything_stored()
    assert all(word in before for word in PERSONAL)
    download(browser)

    response = browser.post("me/erasure/")
    assert response.status_code == 202, response.content
    shop.pass_(days=2)

    state = Client().get(response.json()["status_url"]).json()
    assert state["status"] == "done"
    assert shop.dead == []
    # Session rows cannot be read without their key; they end with the login.
    assert found_in(everything_stored()) == set()
    [customer] = stripe_sandbox.records("stripe/payment_intents")
    assert stripe_sandbox.api("GET", f"/v1/customers/{customer['customer']}")["deleted"] is True
    assert brevo_sandbox.records("contacts") == []
    assert brevo_sandbox.records("mails") == []
    assert [user["displayName"] for user in brevo_sandbox.records("endusers")] == ["Anonymized"]
    assert User.objects.count() == 0
    assert Subscription.objects.get().status == Subscription.Status.CANCELED
    order = Order.objects.get()
    assert (order.amount, order.shipping_address) == (1290, {"country": "DE", "postal_code": "10"})
