"""What a browser may do with the publishable key: read and confirm the one intent whose secret it has, and no more."""

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
    """A page of the shop, with Stripe.js in it."""
    return sandbox.client(Origin=SHOP)


@pytest.fixture
def payment(client: stripe.StripeClient, customer: stripe.Customer, attach: Callable[[str], str]) -> Any:
    """An intent that waits for its customer, whose card asks for authentication."""
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


def proof(intent: Any) -> dict[str, str]:
    return {"key": PK, "client_secret": intent.client_secret}


def confirm(browser: httpx.Client, kind: str, intent: Any, **fields: str) -> httpx.Response:
    sent = {"expected_payment_method_type": "card", "use_stripe_sdk": "true", **proof(intent), **fields}
    return browser.post(f"/stripe/v1/{kind}/{intent.id}/confirm", data=sent)


def error(answer: httpx.Response) -> tuple[int, str | None, str]:
    body = answer.json()["error"]
    return answer.status_code, body.get("code"), body["message"]


def test_an_intent_is_read_with_its_secret_and_shows_nothing_of_the_customer(
    browser: httpx.Client, payment: Any
) -> None:
    answer = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params=proof(payment))

    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["amount"]) == ("requires_confirmation", 1290)
    assert not {"customer", "metadata", "latest_charge"} & shown.keys()


def test_the_key_may_come_in_the_header_as_well(browser: httpx.Client, payment: Any) -> None:
    answer = browser.get(
        f"/stripe/v1/payment_intents/{payment.id}",
        params={"client_secret": payment.client_secret},
        headers={"Authorization": f"Bearer {PK}"},
    )
    assert answer.status_code == 200


def test_a_payment_is_confirmed_and_authenticated(
    browser: httpx.Client, payment: Any, client: stripe.StripeClient
) -> None:
    asked = confirm(browser, "payment_intents", payment, setup_future_usage="off_session").json()
    assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "use_stripe_sdk")

    done = browser.post(f"/sandbox/stripe/payment_intents/{payment.id}/authenticate", content='{"outcome": "success"}')

    assert done.headers["Access-Control-Allow-Origin"] == SHOP
    assert client.v1.payment_intents.retrieve(payment.id).status == "succeeded"


def test_a_decline_hides_the_customer_too(browser: httpx.Client, payment: Any) -> None:
    answer = confirm(browser, "payment_intents", payment, payment_method="pm_card_chargeCustomerFail")
    assert answer.status_code == 402
    assert not {"customer", "metadata", "latest_charge"} & answer.json()["error"]["payment_intent"].keys()


def test_a_card_is_saved_and_is_a_payment_method_of_its_own(
    browser: httpx.Client, setup: Any, client: stripe.StripeClient
) -> None:
    saved = confirm(browser, "setup_intents", setup, payment_method="pm_card_visa").json()
    assert saved["status"] == "succeeded"
    assert client.v1.payment_methods.retrieve(saved["payment_method"]).card.last4 == "4242"


def test_a_card_that_asks_when_it_is_saved_waits_for_the_bank(browser: httpx.Client, setup: Any) -> None:
    asked = confirm(browser, "setup_intents", setup, payment_method="pm_card_authenticationRequiredOnSetup").json()
    assert asked["next_action"]["type"] == "use_stripe_sdk"
    browser.post(f"/sandbox/stripe/setup_intents/{setup.id}/authenticate", content='{"outcome": "fail"}')
    failed = browser.get(f"/stripe/v1/setup_intents/{setup.id}", params=proof(setup)).json()
    assert failed["status"] == "requires_payment_method"
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"


def test_without_the_secret_nothing_is_shown(browser: httpx.Client, payment: Any) -> None:
    answer = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params={"key": PK})
    assert error(answer) == (400, "parameter_missing", "Missing required param: client_secret.")


def test_another_intents_secret_opens_nothing(browser: httpx.Client, payment: Any, setup: Any) -> None:
    answer = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params=proof(setup))
    assert error(answer) == (
        400,
        "payment_intent_invalid_parameter",
        "The client_secret provided does not match the client_secret associated with the PaymentIntent.",
    )
    answer = browser.post(f"/stripe/v1/setup_intents/{setup.id}/confirm", data=proof(payment))
    assert error(answer)[:2] == (400, None)


def test_an_intent_that_is_not_there_is_missing(browser: httpx.Client, payment: Any) -> None:
    answer = browser.get("/stripe/v1/payment_intents/pi_none", params=proof(payment))
    assert error(answer) == (404, "resource_missing", "No such payment_intent: 'pi_none'")


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
    answer = browser.request(
        method,
        f"/stripe/v1/{path.format(payment=payment.id)}",
        params={"client_secret": payment.client_secret},
        headers={"Authorization": f"Bearer {PK}"},
    )
    status, _, message = error(answer)
    assert status == 401
    assert message.startswith("This API call cannot be made with a publishable API key.")
    assert client.v1.payment_intents.retrieve(payment.id).status == "requires_confirmation"


def test_a_browser_cannot_say_that_the_customer_is_away(browser: httpx.Client, payment: Any) -> None:
    assert confirm(browser, "payment_intents", payment, off_session="true").status_code == 400


def test_the_secret_key_does_not_work_as_a_parameter(browser: httpx.Client, payment: Any) -> None:
    answer = browser.get(f"/stripe/v1/payment_intents/{payment.id}", params={"key": "sk_test_sandbox"})
    assert answer.status_code == 401


def test_only_the_shops_own_publishable_key_is_taken(own_sandbox: Callable[..., RunningSandbox]) -> None:
    sandbox = own_sandbox(stripe_publishable_key=PK)
    answer = sandbox.client().get("/stripe/v1/payment_intents/pi_none", params={"key": "pk_test_other"})
    assert error(answer)[2].startswith("Invalid API Key provided")


def test_a_live_publishable_key_is_refused() -> None:
    with pytest.raises(LiveKeyRefused):
        refuse_live_keys({"STRIPE_PUBLISHABLE_KEY": "pk_live_1"})
    assert Config().stripe_publishable_key == ""


def test_a_page_may_read_stripes_answers_and_the_banks(browser: httpx.Client, control: httpx.Client) -> None:
    assert browser.get("/stripe/v1/customers").headers["Access-Control-Allow-Origin"] == SHOP
    asked = browser.options("/stripe/v1/payment_intents/pi_1", headers={"Access-Control-Request-Method": "GET"})
    assert (asked.status_code, asked.headers["Access-Control-Allow-Methods"]) == (204, "GET, POST")
    assert "Access-Control-Allow-Origin" not in control.get("/stripe/v1/customers").headers


@pytest.mark.parametrize("path", ["/sandbox/mails", "/sandbox/faults", "/brevo/v3/contacts", "/"])
def test_no_page_may_read_anything_else(browser: httpx.Client, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in browser.get(path).headers


def test_no_strangers_page_may_play_the_bank(sandbox: RunningSandbox) -> None:
    stranger = sandbox.client(Origin="https://example.com")
    answer = stranger.post("/sandbox/stripe/payment_intents/pi_none/authenticate")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_stand_in_for_stripe_js_is_served_and_offers_cards_that_there_are(control: httpx.Client) -> None:
    answer = control.get("/stripe.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.content == SCRIPT.read_bytes()
    offered = re.findall(r'\["(pm_card_\w+)"', answer.text)
    assert len(offered) > 5
    assert set(offered) <= set(cards.aliases())
