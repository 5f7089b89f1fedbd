"""Authentication, from the link in the e-mail over the payment page to the paid order, each part over HTTP.

``Browser`` makes the same calls as the page's script and Stripe.js, with the publishable key and the page's token only.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.utils import timezone

from charges import payment_links
from charges.models import Charge, ChargeAttempt
from integrations.outbox.models import OutboxMessage
from orders.models import Order
from subscriptions.models import Subscription
from tests.support.deliveries import published
from tests.support.sandboxes import StripeSandbox
from tests.support.shop import Shop
from tests.support.stripe_events import receive_events

pytestmark = pytest.mark.django_db(transaction=True)


class Browser:
    """A customer's browser on the payment page, with Stripe.js."""

    def __init__(self, shop_url: str, stripe: StripeSandbox) -> None:
        self.shop = httpx.Client(base_url=shop_url, timeout=10)
        self.stripe = httpx.Client(base_url=stripe.url, timeout=10, headers={"Origin": shop_url})
        self.url = ""

    def open(self, url: str) -> str:
        """Open the page, and return its heading."""
        self.url = url
        page = self.shop.get(url).text
        self.key = (re.search(r'data-publishable-key="(\w+)"', page) or ["", ""])[1]
        self.csrf = (re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page) or ["", ""])[1]
        self.page = page
        return (re.search(r"<h1[^>]*>([^<]*)</h1>", page) or ["", ""])[1]

    def post(self, path: str, body: Any = None) -> httpx.Response:
        """Post as the page's script does: with the CSRF token, without Origin and Referer."""
        return self.shop.post(f"{self.url}{path}/", json=body or {}, headers={"X-CSRFToken": self.csrf})

    def state(self) -> dict[str, str]:
        return dict(self.shop.get(f"{self.url}status/").json())

    def confirm(self, kind: str, secret: str, **fields: str) -> httpx.Response:
        """``stripe.confirmCardPayment`` or ``stripe.confirmCardSetup``, up to the bank's challenge."""
        form = {"key": self.key, "client_secret": secret, "expected_payment_method_type": "card",
                "use_stripe_sdk": "true", **fields}  # fmt: skip
        return self.stripe.post(f"/stripe/v1/{kind}s/{secret.partition('_secret_')[0]}/confirm", data=form)

    def authenticate_at_bank(self, kind: str, secret: str, outcome: str) -> dict[str, Any]:
        """Press the button in the bank's dialog, then read the intent as Stripe.js does."""
        id = secret.partition("_secret_")[0]
        self.stripe.post(f"/sandbox/stripe/{kind}s/{id}/authenticate", json={"outcome": outcome}).raise_for_status()
        read = self.stripe.get(f"/stripe/v1/{kind}s/{id}", params={"key": self.key, "client_secret": secret})
        read.raise_for_status()
        return dict(read.json())

    def authenticate(self, outcome: str) -> dict[str, Any]:
        """Press the page's button, and finish the bank's dialog."""
        session = self.post("session").json()
        confirmed = self.confirm(
            "payment_intent",
            session["client_secret"],
            payment_method=session["payment_method"],
            setup_future_usage="off_session",
        )
        assert confirmed.json()["status"] == "requires_action"
        return self.authenticate_at_bank("payment_intent", session["client_secret"], outcome)

    def save_card(self, card: str, outcome: str = "success") -> str:
        """``stripe.confirmCardSetup`` with another card. Returns the payment method's id."""
        return save_card(self, self.post("setup").json()["client_secret"], card, outcome)


def save_card(browser: Browser, secret: str, card: str, outcome: str = "success") -> str:
    intent = browser.confirm("setup_intent", secret, payment_method=card).json()
    if intent["status"] == "requires_action":
        intent = browser.authenticate_at_bank("setup_intent", secret, outcome)
    assert intent["status"] == "succeeded"
    return str(intent["payment_method"])


@pytest.fixture
def shop(stripe_sandbox: StripeSandbox, magazine: Any) -> Shop:
    return Shop()


@pytest.fixture
def browser(live_server: Any, stripe_sandbox: StripeSandbox) -> Iterator[Browser]:
    browser = Browser(live_server.url, stripe_sandbox)
    yield browser
    browser.shop.close()
    browser.stripe.close()


def link(*, age_days: int = 0) -> str:
    token = payment_links.token(order_id=Order.objects.get().pk, at=timezone.now() - dt.timedelta(days=age_days))
    return f"/pay/{token}/"


def outcome() -> tuple[str, str, list[str]]:
    """The status of the order, its charge, and each attempt."""
    attempts = ChargeAttempt.objects.order_by("number").values_list("status", flat=True)
    return Order.objects.get().status, Charge.objects.get().status, list(attempts)


@pytest.mark.parametrize("reported_by", ["the webhook", "the return", "both", "both, twice"])
def test_the_customer_authenticates_and_the_same_charge_is_paid(
    shop: Shop, browser: Browser, stripe_sandbox: StripeSandbox, reported_by: str
) -> None:
    shop.buy("pm_card_authenticationRequired")
    shop.work()
    assert outcome() == ("requires_action", "requires_action", ["requires_action"])
    assert browser.open(link()) == "Your bank asks you to confirm the payment"

    assert browser.authenticate("success")["status"] == "succeeded"
    if reported_by != "the webhook":
        assert browser.post("return").status_code == 202
    if reported_by != "the return":
        receive_events(stripe_sandbox, "payment_intent.succeeded", "payment_intent.requires_action")
    shop.work(times=2 if "twice" in reported_by else 1)

    assert outcome() == ("paid", "succeeded", ["succeeded"])
    assert Subscription.objects.get().status == "active"
    assert stripe_sandbox.statuses() == ["succeeded"]
    assert [charge["status"] for charge in stripe_sandbox.objects("charges")].count("succeeded") == 1
    assert published()["OrderPaid"] == 1
    assert browser.state() == {"state": "paid", "message": ""}
    assert browser.open(link()) == "Thank you"


def test_a_failed_authentication_is_a_failed_payment_with_an_explanation(
    shop: Shop, browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    shop.buy("pm_card_authenticationRequired")
    shop.work()
    browser.open(link())

    assert browser.authenticate("fail")["status"] == "requires_payment_method"
    browser.post("return")
    receive_events(stripe_sandbox, "payment_intent.payment_failed", "payment_intent.requires_action")
    shop.work(times=2)

    assert outcome() == ("payment_failed", "failed", ["declined"])
    assert browser.state()["message"].startswith("The payment was not confirmed with your bank.")
    assert browser.open(link()) == "The payment did not go through"
    assert "The payment was not confirmed with your bank." in browser.page
    assert stripe_sandbox.intents()[0]["amount_received"] == 0
    assert published()["PaymentFailed"] == 1


def test_after_a_decline_another_card_pays_the_same_charge(
    shop: Shop, browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    shop.buy("pm_card_chargeCustomerFail_insufficient_funds")
    shop.work()
    assert browser.open(link()) == "The payment did not go through"

    card = browser.save_card("pm_card_authenticationRequiredOnSetup")
    assert browser.post("payment-method", {"payment_method": card}).status_code == 202
    assert browser.state()["state"] == "processing"
    shop.work()

    assert outcome() == ("paid", "succeeded", ["declined", "succeeded"])
    assert stripe_sandbox.statuses() == ["succeeded"]
    assert browser.open(link()) == "Thank you"


def test_another_card_that_requires_authentication_is_confirmed_on_the_same_page(
    shop: Shop, browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    shop.buy("pm_card_chargeCustomerFail_insufficient_funds")
    shop.work()
    browser.open(link())
    browser.post("payment-method", {"payment_method": browser.save_card("pm_card_authenticationRequired")})
    shop.work()
    assert browser.open(link()) == "Your bank asks you to confirm the payment"

    browser.authenticate("success")
    browser.post("return")
    shop.work()

    assert outcome() == ("paid", "succeeded", ["declined", "succeeded"])
    assert stripe_sandbox.statuses() == ["succeeded"]


def test_if_another_card_is_declined_too_the_page_shows_its_reason(
    shop: Shop, browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    shop.buy("pm_card_chargeCustomerFail_insufficient_funds")
    shop.work()
    browser.open(link())
    browser.post("payment-method", {"payment_method": browser.save_card("pm_card_chargeCustomerFail_expired_card")})
    shop.work()
    assert browser.open(link()) == "The payment did not go through"
    assert "The card has expired" in browser.page
    assert stripe_sandbox.intents()[0]["amount_received"] == 0


def test_the_client_secret_is_neither_stored_nor_logged(
    shop: Shop, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    shop.buy("pm_card_authenticationRequired")
    shop.work()
    browser.open(link())
    secret = browser.post("session").json()["client_secret"]
    browser.post("return")
    stored = [str(vars(row)) for model in (OutboxMessage, Charge, ChargeAttempt) for row in model.objects.all()]
    assert stored
    assert not [row for row in stored if secret in row]
    # httpx's log stands for the browser's own.
    assert not [line for line in caplog.records if secret in line.getMessage() and not line.name.startswith("http")]


def test_an_expired_link_is_replaced_by_email(shop: Shop, browser: Browser) -> None:
    shop.buy("pm_card_authenticationRequired")
    shop.work()
    assert browser.open(link(age_days=8)) == "This link has expired"
    assert browser.post("session").status_code == 410

    response = browser.shop.post(f"{browser.url}link/", data={"csrfmiddlewaretoken": browser.csrf})

    assert response.status_code == 200
    assert "Check your inbox" in response.text
    assert published()["PaymentLinkRequested"] == 1
    assert {row.kwargs["order_id"] for row in OutboxMessage.objects.filter(headers__event="PaymentLinkRequested")} == {
        str(Order.objects.get().pk)
    }


def test_a_card_saved_before_the_checkout_needs_no_authentication(
    shop: Shop, browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    setup = browser.shop.post("/api/v1/setup-intents/", json={}).json()
    browser.key = setup["publishable_key"]
    card = save_card(browser, setup["client_secret"], "pm_card_authenticationRequiredOnSetup")

    shop.buy(card)
    shop.work()

    assert outcome() == ("paid", "succeeded", ["succeeded"])
    assert stripe_sandbox.statuses() == ["succeeded"]


def test_the_same_card_without_a_setup_intent_requires_authentication(shop: Shop) -> None:
    shop.buy("pm_card_authenticationRequiredOnSetup")
    shop.work()
    assert outcome() == ("requires_action", "requires_action", ["requires_action"])
