"""With a publishable key, a browser may only read and confirm the intent whose client secret it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from integrations.sandbox.browser import SCRIPT
from integrations.sandbox.config import Config, LiveKeyRefused, refuse_live_keys
from integrations.sandbox.stripe_api import cards
from tests.support.sandboxes import RunningSandbox

PK = "pk_test_sandbox"
SHOP = "http://127.0.0.1:8000"


@pytest.fixture
def browser(sandbox: RunningSandbox) -> httpx.Client:
    """A browser on a page of the shop that loads Stripe.js."""
    return sandbox.client(Origin=SHOP)


@pytest.fixture
def payment(client: stripe.StripeClient, customer: stripe.Customer, attach: Callable[[str], str]) -> Any:
    """An intent that is not confirmed. Its card requires authentication."""
    card = attach("pm_card_authenticationRequired")
    return client.v1.payment_intents.create(
        params={
            "amount": 1290,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": card,
            "allowed_payment_method_types": ["card"],
            "metadata": {"charge": "c1"},
        }
    )


@pytest.fixture
def setup(client: stripe.StripeClient) -> Any:
    return client.v1.setup_intents.create(params={"usage": "off_session", "allowed_payment_method_types": ["card"]})


def credentials(intent: Any) -> dict[str, str]:
    return {"key": PK, "client_secret": intent.client_secret}


def confirm(browser: httpx.Client, kind: str, intent: Any, **fields: str) -> httpx.Response:
    sent = {"expected_payment_method_type": "card", "use_stripe_sdk": "true", **credentials(intent), **fields}
    return browser.post(f"/stripe/v1/{kind}/{intent.id}/confirm", data=sent)


def error(response: httpx.Response) -> tuple[int, str | None, str]:
    body = response.json()["error"]
    return response.status_code, body.get("code"), body["message"]


def test_an_intent_is_read_with_its_client_secret_and_without_customer_data(
    browser: httpx.Client, payment: Any
) -> None:
    response = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params=credentials(payment))

    assert response.status_code == 200
    intent = response.json()
    assert (intent["status"], intent["amount"]) == ("requires_confirmation", 1290)
    assert not {"customer", "metadata", "latest_charge"} & intent.keys()


def test_the_key_is_also_accepted_in_the_header(browser: httpx.Client, payment: Any) -> None:
    response = browser.get(
        f"/stripe/v1/payment_intents/{payment.id}",
        params={"client_secret": payment.client_secret},
        headers={"Authorization": f"Bearer {PK}"},
    )
    assert response.status_code == 200


def test_a_payment_is_confirmed_and_authenticated(
    browser: httpx.Client, payment: Any, client: stripe.StripeClient
) -> None:
    response = confirm(browser, "payment_intents", payment, setup_future_usage="off_session").json()
    assert (response["status"], response["next_action"]["type"]) == ("requires_action", "use_stripe_sdk")

    done = browser.post(f"/sandbox/stripe/payment_intents/{payment.id}/authenticate", content='{"outcome": "success"}')

    assert done.headers["Access-Control-Allow-Origin"] == SHOP
    assert client.v1.payment_intents.retrieve(payment.id).status == "succeeded"


def test_a_decline_contains_no_customer_data(browser: httpx.Client, payment: Any) -> None:
    response = confirm(browser, "payment_intents", payment, payment_method="pm_card_chargeCustomerFail")
    assert response.status_code == 402
    assert not {"customer", "metadata", "latest_charge"} & response.json()["error"]["payment_intent"].keys()


def test_a_test_card_is_saved_as_a_new_payment_method(
    browser: httpx.Client, setup: Any, client: stripe.StripeClient
) -> None:
    saved = confirm(browser, "setup_intents", setup, payment_method="pm_card_visa").json()
    assert saved["status"] == "succeeded"
    assert client.v1.payment_methods.retrieve(saved["payment_method"]).card.last4 == "4242"


def test_a_setup_that_requires_authentication_fails_if_the_customer_fails_it(browser: httpx.Client, setup: Any) -> None:
    response = confirm(browser, "setup_intents", setup, payment_method="pm_card_authenticationRequiredOnSetup").json()
    assert response["next_action"]["type"] == "use_stripe_sdk"
    browser.post(f"/sandbox/stripe/setup_intents/{setup.id}/authenticate", content='{"outcome": "fail"}')
    failed = browser.get(f"/stripe/v1/setup_intents/{setup.id}", params=credentials(setup)).json()
    assert failed["status"] == "requires_payment_method"
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"


def test_an_intent_is_not_read_without_its_client_secret(browser: httpx.Client, payment: Any) -> None:
    response = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params={"key": PK})
    assert error(response) == (400, "parameter_missing", "Missing required param: client_secret.")


def test_the_client_secret_of_another_intent_is_rejected(browser: httpx.Client, payment: Any, setup: Any) -> None:
    response = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params=credentials(setup))
    assert error(response) == (
        400,
        "payment_intent_invalid_parameter",
        "The client_secret provided does not match the client_secret associated with the PaymentIntent.",
    )
    response = browser.post(f"/stripe/v1/setup_intents/{setup.id}/confirm", data=credentials(payment))
    assert error(response)[:2] == (400, None)


def test_a_missing_intent_is_404(browser: httpx.Client, payment: Any) -> None:
    response = browser.get("/stripe/v1/payment_intents/pi_none", params=credentials(payment))
    assert error(response) == (404, "resource_missing", "No such payment_intent: 'pi_none'")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "payment_intents"),
        ("POST", "payment_intents"),
        ("GET", "setup_intents"),
        ("POST", "setup_intents"),
        ("POST", "payment_intents/{payment}"),
        ("POST", "payment_intents/{payment}/cancel"),
        ("GET", "customers"),
        ("GET", "charges"),
        ("POST", "refunds"),
        ("GET", "events"),
        ("POST", "payment_methods/pm_card_visa/attach"),
    ],
)
def test_every_other_call_needs_a_secret_key(
    browser: httpx.Client, payment: Any, client: stripe.StripeClient, method: str, path: str
) -> None:
    response = browser.request(
        method,
        f"/stripe/v1/{path.format(payment=payment.id)}",
        params={"client_secret": payment.client_secret},
        headers={"Authorization": f"Bearer {PK}"},
    )
    status, _, message = error(response)
    assert status == 401
    assert message.startswith("This API call cannot be made with a publishable API key.")
    assert client.v1.payment_intents.retrieve(payment.id).status == "requires_confirmation"


def test_a_browser_cannot_confirm_off_session(browser: httpx.Client, payment: Any) -> None:
    assert confirm(browser, "payment_intents", payment, off_session="true").status_code == 400


def test_a_secret_key_as_a_parameter_is_rejected(browser: httpx.Client, payment: Any) -> None:
    response = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params={"key": "sk_test_sandbox"})
    assert response.status_code == 401


def test_a_configured_publishable_key_is_the_only_one_accepted(own_sandbox: Callable[..., RunningSandbox]) -> None:
    sandbox = own_sandbox(stripe_publishable_key=PK)
    response = sandbox.client().get("/stripe/v1/payment_intents/pi_none", params={"key": "pk_test_other"})
    assert error(response)[2].startswith("Invalid API Key provided")


def test_a_live_publishable_key_is_rejected() -> None:
    with pytest.raises(LiveKeyRefused):
        refuse_live_keys({"STRIPE_PUBLISHABLE_KEY": "pk_live_1"})
    assert Config().stripe_publishable_key == ""


def test_pages_may_read_responses_of_stripe(browser: httpx.Client, control: httpx.Client) -> None:
    assert browser.get("/stripe/v1/customers").headers["Access-Control-Allow-Origin"] == SHOP
    response = browser.options("/stripe/v1/payment_intents/pi_1", headers={"Access-Control-Request-Method": "GET"})
    assert (response.status_code, response.headers["Access-Control-Allow-Methods"]) == (204, "GET, POST")
    assert "Access-Control-Allow-Origin" not in control.get("/stripe/v1/customers").headers


@pytest.mark.parametrize("path", ["/sandbox/mails", "/sandbox/faults", "/brevo/v3/contacts", "/"])
def test_pages_may_read_no_other_responses(browser: httpx.Client, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in browser.get(path).headers


def test_pages_of_other_hosts_may_not_authenticate_payments(sandbox: RunningSandbox) -> None:
    stranger = sandbox.client(Origin="https://example.com")
    response = stranger.post("/sandbox/stripe/payment_intents/pi_none/authenticate")
    assert "Access-Control-Allow-Origin" not in response.headers


def test_the_stand_in_for_stripe_js_offers_existing_test_cards(control: httpx.Client) -> None:
    response = control.get("/stripe.js")
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert response.content == SCRIPT.read_bytes()
    offered = re.findall(r'\["(pm_card_\w+)"', response.text)
    assert len(offered) > 5
    assert set(offered) <= set(cards.aliases())
