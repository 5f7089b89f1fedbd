"""Authentication, another card, refunds and disputes in the running shop.

The tests use real processes, real webhooks, and the payment page over HTTP as a customer does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from charges.models import Charge, ChargeAttempt, Dispute, Refund
from notifications.models import Notification
from orders.models import Order
from subscriptions.models import Subscription, User
from tests.support.factories import dunning_run_of
from tests.support.processes import wait_for
from tests.support.stack import buy

if TYPE_CHECKING:
    from tests.support.stack import Stack

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(170)]


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20) as client:
        yield client


def inject_at_stripe(shop: Stack, path: str, **body: str) -> Any:
    """Inject an event at Stripe that the shop did not request."""
    response = shop.sandbox.http.post(f"/sandbox/stripe/{path}", json=body)
    assert response.is_success, response.text
    return response.json()


def status(shop: Stack, order: dict[str, Any]) -> str:
    return str(shop.http.get(order["status_url"]).json()["status"])


def wait_until(shop: Stack, order: dict[str, Any], expected: str) -> None:
    wait_for(lambda: status(shop, order) == expected, seconds=30, what=f"the order is {expected}")


class Customer:
    """A customer who opens the payment page from the link in the mail."""

    def __init__(self, shop: Stack, client: httpx.Client) -> None:
        self.shop = shop
        self.page = f"http://127.0.0.1:{shop.web_port}{self._path_in_the_mail()}"
        self.http = client
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.http.get(self.page).text)
        assert found
        self.token = found.group(1)

    def _path_in_the_mail(self) -> str:
        def links() -> list[str]:
            texts = [mail["textContent"] for mail in self.shop.sandbox.records("mails")]
            return [path for text in texts for path in re.findall(r"https?://\S+?(/pay/\S+)", text)]

        wait_for(lambda: bool(links()), seconds=30, what="a mail contains the link")
        return links()[0]

    def post(self, path: str, body: Any = None) -> httpx.Response:
        headers = {"X-CSRFToken": self.token, "Referer": self.page}
        return self.http.post(f"{self.page}{path}/", json=body or {}, headers=headers)

    def confirm(self) -> None:
        """Confirm as Stripe.js does, and authenticate as the customer does in the app of the bank."""
        session = self.post("session").json()
        assert session.pop("saves_card") is False
        intent = session["client_secret"].partition("_secret_")[0]
        confirmed = self.http.post(
            f"{self.shop.sandbox.url}/stripe/v1/payment_intents/{intent}/confirm",
            data={"key": settings.STRIPE_PUBLISHABLE_KEY, **session},
        )
        assert confirmed.json()["status"] == "requires_action", confirmed.text
        inject_at_stripe(self.shop, f"payment_intents/{intent}/authenticate")


def mails(order: dict[str, Any]) -> list[str]:
    """The kinds of the mails about the order, oldest first."""
    sent = Notification.objects.filter(order__number=order["number"], channel="email", sent_at__isnull=False)
    return list(sent.order_by("pk").values_list("kind", flat=True))


def test_a_payment_is_authenticated_on_the_payment_page(shop: Stack, client: httpx.Client) -> None:
    order = buy(shop, payment_method="pm_card_authenticationRequired")
    wait_until(shop, order, "requires_action")

    Customer(shop, client).confirm()

    wait_until(shop, order, "fulfilled")
    shop.wait_until_idle()
    assert mails(order) == ["order_confirmation", "payment_action_required", "welcome"]
    assert [record["status"] for record in shop.sandbox.records("stripe/payment_intents")] == ["succeeded"]
    assert list(ChargeAttempt.objects.values_list("status", flat=True)) == ["succeeded"]
    assert dunning_run_of(Order.objects.get()).status == "recovered"


def test_after_a_decline_the_customer_pays_with_another_card(shop: Stack, client: httpx.Client) -> None:
    order = buy(shop, payment_method="pm_card_chargeCustomerFail_lost_card")
    wait_until(shop, order, "payment_failed")
    customer = Customer(shop, client)

    assert customer.post("payment-method", {"payment_method": "pm_card_visa"}).status_code == 202
    wait_until(shop, order, "fulfilled")

    assert customer.http.get(f"{customer.page}status/").json()["state"] == "paid"
    shop.wait_until_idle()
    assert mails(order) == ["order_confirmation", "payment_failed", "welcome"]
    assert list(ChargeAttempt.objects.order_by("number").values_list("status", flat=True)) == ["declined", "succeeded"]
    assert Subscription.objects.get().payment_method == "pm_card_visa"


def log_in_staff(shop: Stack, client: httpx.Client) -> None:
    """Create the session that a login to the admin would create."""
    user = User.objects.create_superuser(f"{uuid4().hex}@example.com")
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    client.base_url = httpx.URL(f"http://127.0.0.1:{shop.web_port}")
    client.cookies.set(settings.SESSION_COOKIE_NAME, str(session.session_key))
    client.cookies.set(settings.CSRF_COOKIE_NAME, "x" * 32)
    client.headers["X-CSRFToken"] = "x" * 32


def test_staff_refund_twice_and_one_refund_fails_later(shop: Stack, client: httpx.Client) -> None:
    order = buy(shop)
    wait_until(shop, order, "fulfilled")
    log_in_staff(shop, client)

    def refund(amount: int, key: str) -> httpx.Response:
        body = {"order": order["number"], "amount": amount, "reason": "requested_by_customer"}
        return client.post("/api/v1/refunds/", json=body, headers={"Idempotency-Key": key})

    assert [refund(190, "one").status_code, refund(190, "one").status_code, refund(300, "two").status_code] == [201] * 3
    assert refund(1, "three").status_code == 422
    wait_until(shop, order, "refunded")
    shop.wait_until_idle()
    refunds = shop.sandbox.http.get("/stripe/v1/refunds", headers=KEY).json()["data"]
    assert sorted(stripe_refund["amount"] for stripe_refund in refunds) == [190, 300]
    assert mails(order) == ["order_confirmation", "welcome", "refund_succeeded", "refund_succeeded"]

    failing = Refund.objects.get(amount=300).stripe_id
    inject_at_stripe(shop, f"refunds/{failing}/fail")
    wait_until(shop, order, "partially_refunded")
    shop.wait_until_idle()
    assert mails(order)[-1] == "refund_failed"
    assert Charge.objects.get().amount_refunded == 190


KEY = {"Authorization": f"Bearer {settings.STRIPE_API_KEY}"}


def test_a_dispute_pauses_the_subscription_until_it_is_won(shop: Stack) -> None:
    order = buy(shop)
    wait_until(shop, order, "fulfilled")
    intent = Charge.objects.get().payment_intent_id

    opened = inject_at_stripe(shop, "disputes", payment_intent=str(intent))
    wait_for(lambda: Subscription.objects.get().status == "paused", seconds=30, what="the subscription is paused")
    wait_for(lambda: Dispute.objects.get().funds == "withdrawn", seconds=30, what="the funds are withdrawn")
    assert Dispute.objects.get().due_by is not None

    inject_at_stripe(shop, f"disputes/{opened['id']}/closed", status="won")
    wait_for(lambda: Subscription.objects.get().status == "active", seconds=30, what="the subscription is active again")
    wait_for(lambda: Dispute.objects.get().funds == "reinstated", seconds=30, what="the funds are reinstated")
