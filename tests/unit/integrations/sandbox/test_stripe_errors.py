"""Each error raises the right exception of the SDK. API keys, versions and URLs are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from tests.support.sandboxes import STRIPE_KEY, RunningSandbox

INTENT: Any = {"amount": 500, "currency": "eur"}


@pytest.mark.parametrize(
    ("status", "exception", "code"),
    [
        (429, stripe.RateLimitError, "rate_limit"),
        (409, stripe.APIError, "idempotency_key_in_use"),
        (500, stripe.APIError, None),
        (502, stripe.APIError, None),
        (503, stripe.APIError, None),
        (504, stripe.APIError, None),
    ],
)
def test_an_injected_status_raises_the_sdks_exception_for_it(
    client: stripe.StripeClient,
    control: httpx.Client,
    status: int,
    exception: type[stripe.StripeError],
    code: str | None,
) -> None:
    control.put("/sandbox/faults", json=[{"kind": "error", "status": status, "retry_after": 3}])
    with pytest.raises(stripe.StripeError) as caught:
        client.v1.payment_intents.create(params=INTENT)
    assert type(caught.value) is exception
    assert caught.value.http_status == status
    assert caught.value.error.code == code
    assert caught.value.headers["Retry-After"] == "3"


def test_html_with_status_200_is_an_api_error(client: stripe.StripeClient, control: httpx.Client) -> None:
    control.put("/sandbox/faults", json=[{"kind": "non_json", "times": 1}])
    with pytest.raises(stripe.APIError) as caught:
        client.v1.payment_intents.create(params=INTENT)
    assert caught.value.http_status == 200
    assert len(client.v1.payment_intents.list().data) == 1


@pytest.mark.parametrize("kind", ["drop", "drop_after_effect", "timeout", "timeout_after_effect"])
def test_a_dropped_connection_raises_a_connection_error(
    client: stripe.StripeClient, control: httpx.Client, kind: str
) -> None:
    control.put("/sandbox/faults", json=[{"kind": kind, "seconds": 0.05, "times": 1}])
    with pytest.raises(stripe.APIConnectionError) as caught:
        client.v1.payment_intents.create(params=INTENT)
    assert caught.value.http_status is None
    assert len(client.v1.payment_intents.list().data) == (1 if kind.endswith("after_effect") else 0)


def test_a_client_with_a_shorter_timeout_may_retry(sandbox: RunningSandbox, control: httpx.Client) -> None:
    control.put("/sandbox/faults", json=[{"kind": "timeout", "seconds": 0.4, "times": 1}])
    client = sandbox.stripe(http_client=stripe.RequestsClient(timeout=(1, 0.1)))
    with pytest.raises(stripe.APIConnectionError) as caught:
        client.v1.payment_intents.create(params=INTENT)
    assert caught.value.should_retry


@pytest.mark.parametrize("key", ["sk_live_abc", "rk_live_abc", "nonsense"])
def test_live_and_invalid_keys_are_rejected(sandbox: RunningSandbox, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        sandbox.stripe(key).v1.customers.list()
    assert caught.value.http_status == 401
    assert ("refuses live keys" in str(caught.value)) == ("live" in key)


def test_a_configured_key_is_the_only_one_accepted(own_sandbox: Callable[..., RunningSandbox]) -> None:
    running = own_sandbox(stripe_api_key="rk_test_right")
    assert running.stripe("rk_test_right").v1.customers.list().data == []
    with pytest.raises(stripe.AuthenticationError):
        running.stripe("rk_test_wrong").v1.customers.list()


def test_a_call_without_a_key_is_rejected(control: httpx.Client) -> None:
    response = control.get("/stripe/v1/customers")
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_basic_authentication_is_accepted(control: httpx.Client) -> None:
    assert control.get("/stripe/v1/customers", auth=(STRIPE_KEY, "")).status_code == 200


def test_the_sdk_and_the_sandbox_use_the_same_api_version(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    response = client.v1.customers.list().last_response
    assert response.headers["Stripe-Version"] == "2026-10-28.endive"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sandbox.stripe(stripe_version="2020-08-27").v1.customers.list()
    assert (caught.value.code, caught.value.param) == (None, None)


def test_every_response_has_a_request_id(control: httpx.Client, client: stripe.StripeClient) -> None:
    response = control.get("/stripe/v1/customers", headers={"Authorization": f"Bearer {STRIPE_KEY}"})
    assert response.headers["Request-Id"].startswith("req_")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.retrieve("cus_nobody")
    assert str(caught.value.request_id).startswith("req_")


def test_an_unknown_url_is_404(control: httpx.Client) -> None:
    response = control.post("/stripe/v1/invoices", headers={"Authorization": f"Bearer {STRIPE_KEY}"})
    assert response.status_code == 404
    assert response.json()["error"]["message"].startswith("Unrecognized request URL (POST: /v1/invoices)")


def test_an_unknown_expansion_is_rejected_and_changes_nothing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(params={**INTENT, "expand": ["nothing"]})
    assert client.v1.payment_intents.list().data == []
