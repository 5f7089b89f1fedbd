"""The sandbox accepts every parameter of the SDK, and no input causes an error of the sandbox."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sandbox.app import create_app
from integrations.sandbox.brevo_api import contacts, emails, sms
from integrations.sandbox.dixa_api import endusers
from integrations.sandbox.state import Sandbox
from integrations.sandbox.stripe_api import (
    charges,
    customers,
    disputes,
    events,
    forms,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
)
from integrations.sandbox.stripe_api.errors import StripeError

OPTIONS = {
    "api_key",
    "content_type",
    "expand",
    "headers",
    "idempotency_key",
    "max_network_retries",
    "stripe_account",
    "stripe_context",
    "stripe_version",
}
FORMS = {
    "customer_create": customers.CREATE,
    "customer_update": customers.UPDATE,
    "customer_list": customers.LIST,
    "payment_method_attach": payment_methods.ATTACH,
    "payment_method_list": payment_methods.LIST,
    "setup_intent_create": setup_intents.CREATE,
    "setup_intent_update": setup_intents.UPDATE,
    "setup_intent_confirm": setup_intents.CONFIRM,
    "setup_intent_cancel": setup_intents.CANCEL,
    "setup_intent_list": setup_intents.LIST,
    "payment_intent_create": payment_intents.CREATE,
    "payment_intent_update": payment_intents.UPDATE,
    "payment_intent_confirm": payment_intents.CONFIRM,
    "payment_intent_cancel": payment_intents.CANCEL,
    "payment_intent_list": payment_intents.LIST,
    "charge_list": charges.LIST,
    "refund_create": refunds.CREATE,
    "refund_update": refunds.UPDATE,
    "refund_list": refunds.LIST,
    "dispute_list": disputes.LIST,
    "event_list": events.LIST,
    "customer_payment_method_list": payment_methods.LIST_OF_CUSTOMER,
}
DOCUMENTS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "/brevo/v3/smtp/email": (
        set(emails.FIELDS),
        {
            "sender": {"email": "shop@example.com"},
            "to": [{"email": "ann@example.com"}],
            "subject": "Hi",
            "textContent": "Hello",
        },
    ),
    "/brevo/v3/transactionalSMS/send": (
        set(sms.FIELDS),
        {"sender": "Shop", "recipient": "4917012345678", "content": "Hello"},
    ),
    "/brevo/v3/contacts": (contacts.FIELDS, {"email": "ann@example.com", "updateEnabled": True}),
    "/dixa/v1/endusers": (set(endusers.FIELDS), {}),
    "/dixa/v1/endusers/bulk": ({"data"}, {}),
}
NAMES = st.sampled_from(
    ["email", "name", "id", "to", "subject", "idempotencyKey", "X-Sib-Sandbox", "X-Mailin-custom", "params", "SMS",
     "EMAIL", "FIRSTNAME", "ORDERS_COUNT", "externalId"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just("a@example.com"), st.just("+4917012345678")
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
FORM_NAMES = ["amount", "currency", "customer", "payment_method", "confirm", "metadata[a]", "metadata", "expand[]",
              "card[token]", "type", "limit", "created[gte]", "invoice_settings[a]", "off_session", "a[b", "]", "[]",
              "expand[0][x]", "shipping[a][b]", "payment_intent", "email"]  # fmt: skip
FORM_VALUES = ["", "1", "500", "eur", "true", "pm_card_visa", "card", "tok_visa", "x" * 300, "-5", "cus_x", "data.x"]
PATHS = ["customers", "payment_intents", "payment_methods", "setup_intents", "refunds", "payment_intents/x/confirm"]


@pytest.mark.parametrize("name", FORMS)
def test_the_parameters_are_those_of_the_sdk(name: str) -> None:
    module = importlib.import_module(f"stripe.params._{name}_params")
    wanted = name.replace("_", "") + "params"
    (typed,) = [found for title, found in vars(module).items() if title.lower() == wanted]
    removed = {"payment_method_types"}  # Stripe rejects this parameter with its own message.
    assert set(FORMS[name].kinds) - removed == set(typed.__annotations__) - OPTIONS


@pytest.fixture(scope="module")
def app() -> Iterator[Sandbox]:
    app = create_app(brevo_contacts_per_second=None, dixa_requests_per_second=None)
    yield app
    app.close()


@pytest.fixture
def calls(app: Sandbox, caplog: pytest.LogCaptureFixture) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sk_test_1", "api-key": "k"}
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://sandbox", headers=headers) as client:
        yield client
    assert not [record.message for record in caplog.records if record.levelno >= logging.ERROR]


fuzzed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzzed
@given(st.lists(st.tuples(st.text(alphabet="ab[]01", max_size=8), st.text(max_size=3)), max_size=6))
def test_the_parser_accepts_or_rejects_any_form(pairs: list[tuple[str, str]]) -> None:
    try:
        forms.parse(pairs)
    except StripeError as error:
        assert error.status == 400


@fuzzed
@given(st.sampled_from(PATHS), st.dictionaries(st.sampled_from(FORM_NAMES), st.sampled_from(FORM_VALUES), max_size=6))
def test_stripe_accepts_or_rejects_any_form(calls: httpx.Client, path: str, data: dict[str, str]) -> None:
    for response in (calls.post(f"/stripe/v1/{path}", data=data), calls.get(f"/stripe/v1/{path}", params=data)):
        body = response.json()
        if response.status_code == 200:
            assert "object" in body and "error" not in body
        else:
            assert response.status_code == {"card_error": 402}.get(body["error"]["type"], response.status_code)
            assert response.status_code in (400, 402, 404)
            assert body["error"]["message"]


@fuzzed
@given(st.data())
def test_brevo_and_dixa_accept_or_reject_any_document(calls: httpx.Client, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    names, document = DOCUMENTS[path]
    document = document | {data.draw(st.sampled_from(sorted(names))): data.draw(JSON) for _ in range(2)}
    assert calls.post(path, json=document).status_code in (200, 201, 202, 204, 400)


def test_a_bug_of_the_sandbox_is_a_500_in_the_providers_format(
    app: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app.store, "savepoint", None)
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://sandbox") as client:
        response = client.post("/stripe/v1/customers", headers={"Authorization": "Bearer sk_test_1"})
    assert (response.status_code, response.json()["error"]["type"]) == (500, "api_error")
    assert "The sandbox failed" in caplog.text
