"""What happens after a payment, over the wire: a bank that asks, another card, a refund, a dispute.

Real processes, real webhooks, and the customer's side of the payment page over HTTP.
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


def happens(shop: Stack, what: str, **said: str) -> Any:
    """Something happens at Stripe without a call of ours."""
    answer = shop.sandbox.http.post(f"/sandbox/stripe/{what}", json=said)
    assert answer.is_success, answer.text
    return answer.json()


def status(shop: Stack, order: dict[str, Any]) -> str:
    return str(shop.http.get(order["status_url"]).json()["status"])


def wait_until(shop: Stack, order: dict[str, Any], wanted: str) -> None:
    wait_for(lambda: status(shop, order) == wanted, seconds=30, what=f"the order is {wanted}")


class Customer:
    """A customer at the payment page, by the link in the mail."""

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

        wait_for(lambda: bool(links()), seconds=30, what="a mail brings the link")
        return links()[0]

    def post(self, door: str, body: Any = None) -> httpx.Response:
        headers = {"X-CSRFToken": self.token, "Referer": self.page}
        return self.http.post(f"{self.page}{door}/", json=body or {}, headers=headers)

    def confirm(self) -> None:
        """What Stripe.js does, and then the customer in the bank's app."""
        session = self.post("session").json()
        intent = session["client_secret"].partition("_secret_")[0]
        confirmed = self.http.post(
            f"{self.shop.sandbox.url}/stripe/v1/payment_intents/{intent}/confirm",
            data={"key": settings.STRIPE_PUBLISHABLE_KEY, **session},
        )
        assert confirmed.json()["status"] == "requires_action", confirmed.text
        happens(self.shop, f"payment_intents/{intent}/authenticate")


def mails(order: dict[str, Any]) -> list[str]:
    """What was mailed about the order, in order of time."""
    told = Notification.objects.filter(order__number=order["number"], channel="email", sent_at__isnull=False)
    return list(told.order_by("pk").values_list("kind", flat=True))


def test_a_payment_that_its_bank_wants_confirmed(shop: Stack, client: httpx.Client) -> None:
    order = buy(shop, payment_method="pm_card_authenticationRequired")
    wait_until(shop, order, "requires_action")

    Customer(shop, client).confirm()

    wait_until(shop, order, "fulfilled")
    shop.wait_until_idle()
    assert mails(order) == ["order_confirmation", "payment_action_required", "welcome"]
    assert [one["status"] for one in shop.sandbox.records("stripe/payment_intents")] == ["succeeded"]
    assert list(ChargeAttempt.objects.values_list("status", flat=True)) == ["succeeded"]
    assert dunning_run_of(Order.objects.get()).status == "recovered"


def test_a_declined_card_and_another_one_on_the_page(shop: Stack, client: httpx.Client) -> None:
    order = buy(shop, payment_method="pm_card_chargeCustomerFail_lost_card")
    wait_until(shop, order, "payment_failed")
    customer = Customer(shop, client)

    assert customer.post("card", {"payment_method": "pm_card_visa"}).status_code == 202
    wait_until(shop, order, "fulfilled")

    assert customer.http.get(f"{customer.page}status/").json()["state"] == "paid"
    shop.wait_until_idle()
    assert mails(order) == ["order_confirmation", "payment_failed", "welcome"]
    assert list(ChargeAttempt.objects.order_by("number").values_list("status", flat=True)) == ["declined", "succeeded"]
    assert Subscription.objects.get().payment_method == "pm_card_visa"


def log_in_staff(shop: Stack, client: httpx.Client) -> None:
    """With the session that the admin's login would have given."""
    user = User.objects.create_superuser(f"{uuid4().hex}@example.com")
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    client.base_url = httpx.URL(f"http://127.0.0.1:{shop.web_port}")
    client.cookies.set(settings.SESSION_COOKIE_NAME, str(session.session_key))
    client.cookies.set(settings.CSRF_COOKIE_NAME, "x" * 32)
    client.headers["X-CSRFToken"] = "x" * 32


def test_staff_give_money_back_twice_and_the_bank_sends_some_of_it_back(shop: Stack, client: httpx.Client) -> None:
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
    assert sorted(one["amount"] for one in shop.sandbox.http.get("/stripe/v1/refunds", headers=KEY).json()["data"]) == [
        190, 300,
    ]  # fmt: skip
    assert mails(order) == ["order_confirmation", "welcome", "refund_succeeded", "refund_succeeded"]

    back = Refund.objects.get(amount=300).stripe_id
    happens(shop, f"refunds/{back}/fail")
    wait_until(shop, order, "partially_refunded")
    shop.wait_until_idle()
    assert mails(order)[-1] == "refund_failed"
    assert Charge.objects.get().amount_refunded == 190


KEY = {"Authorization": f"Bearer {settings.STRIPE_API_KEY}"}


def test_a_dispute_that_is_opened_and_won(shop: Stack) -> None:
    order = buy(shop)
    wait_until(shop, order, "fulfilled")
    intent = Charge.objects.get().payment_intent_id

    opened = happens(shop, "disputes", payment_intent=str(intent))
    wait_for(lambda: Subscription.objects.get().status == "paused", seconds=30, what="the subscription rests")
    wait_for(lambda: Dispute.objects.get().funds == "withdrawn", seconds=30, what="the money is known to be gone")
    assert Dispute.objects.get().due_by is not None

    happens(shop, f"disputes/{opened['id']}/closed", status="won")
    wait_for(lambda: Subscription.objects.get().status == "active", seconds=30, what="the subscription goes on")
    wait_for(lambda: Dispute.objects.get().funds == "reinstated", seconds=30, what="the money is back")
