"""The schema describes the response to every request to the API, and no response is a 500."""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from subscriptions.models import Plan, User
from tests.support.accounts import Browser, customer_with_login
from tests.support.factories import change_price
from tests.support.sandboxes import StripeSandbox

# Per operation and mode. A larger number, such as HYPOTHESIS_EXAMPLES=500, searches longer.
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "20"))
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
CHECKOUT = ("POST", "/api/v1/checkout/")
STATUS = ("GET", "/api/v1/orders/status/{token}/")
PLANS = ("GET", "/api/v1/plans/")
REFUND = ("POST", "/api/v1/refunds/")
REFUNDS = ("GET", "/api/v1/refunds/")
REFUND_STATUS = ("GET", "/api/v1/refunds/{refund_id}/")
SETUP = ("POST", "/api/v1/setup-intents/")
PAYMENT = ("GET", "/api/v1/orders/status/{token}/payment/")
CARD = ("POST", "/api/v1/orders/status/{token}/payment/payment-method/")
SESSION = ("GET", "/api/v1/auth/session/")
LOGIN_MAIL = ("POST", "/api/v1/auth/login-mail/")
LOGIN_LINK = ("POST", "/api/v1/auth/link/")
LOGIN_CODE = ("POST", "/api/v1/auth/code/")
PASSWORD_LOGIN = ("POST", "/api/v1/auth/password-login/")
PASSWORD = ("PUT", "/api/v1/auth/password/")
LOGOUT = ("POST", "/api/v1/auth/logout/")
LOGOUT_EVERYWHERE = ("POST", "/api/v1/auth/logout-everywhere/")
ME = ("GET", "/api/v1/me/")
CHANGE_ME = ("PATCH", "/api/v1/me/")
MY_EMAIL = ("POST", "/api/v1/me/email/")
MY_EMAIL_CONFIRMATION = ("POST", "/api/v1/me/email/confirm/")
MY_EXPORT = ("GET", "/api/v1/me/export/")
MY_ERASURE = ("GET", "/api/v1/me/erasure/")
ERASE_ME = ("POST", "/api/v1/me/erasure/")
ERASURE = ("GET", "/api/v1/erasures/{token}/")
MY_SUBSCRIPTIONS = ("GET", "/api/v1/me/subscriptions/")
MY_SUBSCRIPTION = ("GET", "/api/v1/me/subscriptions/{subscription_id}/")
PREVIEW_CANCEL = ("GET", "/api/v1/me/subscriptions/{subscription_id}/cancel/")
CANCEL = ("POST", "/api/v1/me/subscriptions/{subscription_id}/cancel/")
PREVIEW_REINSTATEMENT = ("GET", "/api/v1/me/subscriptions/{subscription_id}/reinstate/")
REINSTATE = ("POST", "/api/v1/me/subscriptions/{subscription_id}/reinstate/")
PAUSE = ("POST", "/api/v1/me/subscriptions/{subscription_id}/pause/")
RESUME = ("POST", "/api/v1/me/subscriptions/{subscription_id}/resume/")
SKIP = ("POST", "/api/v1/me/subscriptions/{subscription_id}/skip/")
UNSKIP = ("POST", "/api/v1/me/subscriptions/{subscription_id}/unskip/")
UNDO = ("POST", "/api/v1/me/subscriptions/{subscription_id}/undo/")
PREVIEW = ("POST", "/api/v1/me/subscriptions/{subscription_id}/preview/")
CHANGE = ("POST", "/api/v1/me/subscriptions/{subscription_id}/change/")
MY_BALANCE = ("GET", "/api/v1/me/subscriptions/{subscription_id}/balance/")
MY_ORDERS = ("GET", "/api/v1/me/orders/")
MY_ORDER = ("GET", "/api/v1/me/orders/{number}/")
MY_CARDS = ("GET", "/api/v1/me/payment-methods/")
ADD_CARD = ("POST", "/api/v1/me/payment-methods/")
REMOVE_CARD = ("DELETE", "/api/v1/me/payment-methods/{saved_payment_method_id}/")
DEFAULT_CARD = ("POST", "/api/v1/me/payment-methods/{saved_payment_method_id}/default/")
FOR_STAFF = (REFUND, REFUNDS, REFUND_STATUS)
FOR_BROWSERS = (SESSION, LOGIN_MAIL, LOGIN_LINK, LOGIN_CODE, PASSWORD_LOGIN, LOGOUT)
FOR_CUSTOMERS = (
    PASSWORD,
    LOGOUT_EVERYWHERE,
    ME,
    CHANGE_ME,
    MY_EMAIL,
    MY_EMAIL_CONFIRMATION,
    MY_EXPORT,
    MY_ERASURE,
    ERASE_ME,
    MY_SUBSCRIPTIONS,
    MY_SUBSCRIPTION,
    PREVIEW_CANCEL,
    CANCEL,
    PREVIEW_REINSTATEMENT,
    REINSTATE,
    PAUSE,
    RESUME,
    SKIP,
    UNSKIP,
    UNDO,
    PREVIEW,
    CHANGE,
    MY_BALANCE,
    MY_ORDERS,
    MY_ORDER,
    MY_CARDS,
    ADD_CARD,
    REMOVE_CARD,
    DEFAULT_CARD,
)
WITH_BODY = (LOGIN_MAIL, LOGIN_LINK, LOGIN_CODE, PASSWORD_LOGIN, PASSWORD, CHANGE_ME, MY_EMAIL, MY_EMAIL_CONFIRMATION,
             ERASE_ME, CANCEL, PAUSE, SKIP, UNSKIP)  # fmt: skip
# The first one ends the session of the following ones.
SESSION_ENDS = (LOGOUT_EVERYWHERE, PASSWORD, ERASE_ME)
# Valid requests and invalid ones. A GET whose only parameter is a string cannot be invalid, and neither can an empty
# object without required fields.
CASES = [
    (CHECKOUT, GenerationMode.POSITIVE),
    (CHECKOUT, GenerationMode.NEGATIVE),
    (STATUS, GenerationMode.POSITIVE),
    (ERASURE, GenerationMode.POSITIVE),
    (PLANS, GenerationMode.POSITIVE),
    (REFUND, GenerationMode.POSITIVE),
    (REFUND, GenerationMode.NEGATIVE),
    (REFUNDS, GenerationMode.POSITIVE),
    (REFUNDS, GenerationMode.NEGATIVE),
    (REFUND_STATUS, GenerationMode.POSITIVE),
    (SETUP, GenerationMode.POSITIVE),
    (PAYMENT, GenerationMode.POSITIVE),
    (CARD, GenerationMode.POSITIVE),
    (CARD, GenerationMode.NEGATIVE),
    *((operation, GenerationMode.POSITIVE) for operation in (*FOR_BROWSERS, *FOR_CUSTOMERS)),
    *((operation, GenerationMode.NEGATIVE) for operation in WITH_BODY),
]


@pytest.fixture
def schema(transactional_db: None, coffee: Any, stripe_sandbox: StripeSandbox) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application())


CSRF_TOKEN = "a" * 32
# The cookies and headers that a browser adds. schemathesis drops cookies that are given as a header.
BROWSER = {"cookies": {"csrftoken": CSRF_TOKEN}, "headers": {"X-CSRFToken": CSRF_TOKEN}}


@pytest.fixture
def login(transactional_db: None) -> dict[str, Any]:
    """The cookies and headers of a browser in which staff are logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com"))
    return with_session(client)


def with_session(client: Client) -> dict[str, Any]:
    return {**BROWSER, "cookies": {**BROWSER["cookies"], "sessionid": client.cookies["sessionid"].value}}


@pytest.fixture
def customer(transactional_db: None) -> dict[str, Any]:
    """The cookies and headers of a browser in which a customer has just logged in."""
    browser = Browser().log_in(customer_with_login())
    return with_session(browser.http)


def fuzzed(examples: int) -> settings:
    """This number of examples, the same in each run."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_every_response_matches_the_schema(
    schema: Any, login: dict[str, Any], customer: dict[str, Any], operation: tuple[str, str], mode: GenerationMode
) -> None:
    method, path = operation
    browsers = {**dict.fromkeys(FOR_STAFF, login), **dict.fromkeys(FOR_BROWSERS, BROWSER)}
    credentials = {**browsers, **dict.fromkeys(FOR_CUSTOMERS, customer)}.get(operation, {})

    @fuzzed(EXAMPLES)
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        response = case.call_and_validate(checks=CHECKS, **credentials)
        assert response.status_code != 403 or not credentials or operation in SESSION_ENDS

    send()


# Orders that look valid. The cases from the schema are hardly ever valid in all fields at once.
PLAUSIBLE_ORDERS = st.fixed_dictionaries(
    {
        "plan": st.just("coffee-monthly"),
        "quantity": st.integers(1, 1000),
        "payment_method": st.from_regex(r"\Apm_[A-Za-z0-9_]{1,200}\Z"),
        "customer": st.fixed_dictionaries(
            {
                "email": st.emails() | st.sampled_from(["ada@straße.de", "a@ꭰꭱꭲ.de", f"{'x' * 60}@{'ΐ' * 21}.de"]),
                "name": st.text(min_size=1, max_size=200),
            },
            optional={
                "phone": st.from_regex(r"\A\+(49|1|44|886|675)[0-9]{4,16}\Z"),
                "sms_consent": st.booleans(),
                "locale": st.sampled_from(["de", "de-AT", "zh-Hant-TW", "xx"]),
            },
        ),
    }
)
PRICES = st.sampled_from([50, 1290, 2_147_484, 99_999_999])  # of one unit: the totals may exceed the maximum


def test_a_plausible_checkout_is_accepted_or_rejected_with_errors(transactional_db: None, coffee: Plan) -> None:
    answers: list[int] = []

    @fuzzed(3 * EXAMPLES)
    @given(order=PLAUSIBLE_ORDERS, price=PRICES)
    def ask(order: dict[str, Any], price: int) -> None:
        change_price(coffee, amount=price)
        answer = Client(raise_request_exception=False).post(
            CHECKOUT[1], order, content_type="application/json", headers={"Idempotency-Key": str(uuid4())}
        )
        answers.append(answer.status_code)
        if answer.status_code != 201:
            assert (answer.status_code in (400, 422), bool(answer.json()["errors"])) == (True, True), answer.text

    ask()

    assert answers.count(201) > EXAMPLES // 2


@pytest.mark.parametrize(("operation", "status"), [(CHECKOUT, 201), (REFUND, 422)])
def test_the_examples_of_the_schema_can_be_sent(
    schema: Any, login: dict[str, Any], operation: tuple[str, str], status: int
) -> None:
    method, path = operation
    body = schema.raw_schema["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]
    [example] = body["examples"].values()
    case = schema[path][method].Case(
        body=example["value"], media_type="application/json", headers={"Idempotency-Key": "k"}
    )

    response = case.call(**(login if operation == REFUND else {}))

    assert response.status_code == status, response.text
    if operation == REFUND:  # the example is valid, but no such order exists
        assert [error["field"] for error in response.json()["errors"]] == ["order"]


def test_the_schema_describes_these_operations(schema: Any) -> None:
    described = {(found.ok().method.upper(), found.ok().path) for found in schema.get_all_operations()}
    assert described == {operation for operation, _ in CASES}
