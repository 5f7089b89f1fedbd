"""The API in which a customer follows a payment and pays with another card."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from charges.throttles import PaymentAddressThrottle, PaymentOrderThrottle
from orders import status_tokens
from tests.support.deliveries import capture, published
from tests.support.factories import declined_order, place_order, plan_dunning_step
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

PROBLEM = "application/problem+json"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def payment_url(order: Any) -> str:
    return f"/api/v1/orders/status/{status_tokens.token_of(order_id=order.pk)}/payment/"


def post(client: Client, url: str, body: Any = None) -> Any:
    return client.post(url, {} if body is None else body, content_type="application/json")


class TestPayment:
    def test_a_new_payment_is_processing(self, client: Client) -> None:
        order = place_order()
        response = client.get(payment_url(order))
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        data = response.json()
        assert (data["status"], data["message"], data["next_attempt_at"]) == ("processing", "", None)
        assert data["payment_url"].startswith("http://127.0.0.1:8000/pay/")

    def test_a_paid_order_has_nothing_to_pay(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = place_order()
        capture(order)
        assert client.get(payment_url(order)).json() == {
            "status": "paid",
            "message": "",
            "payment_url": "",
            "next_attempt_at": None,
        }

    @pytest.mark.parametrize(("locale", "words"), [("en", "Your bank asks"), ("de-AT", "Ihre Bank bittet")])
    def test_a_required_authentication_is_explained_in_the_customers_language(
        self, client: Client, stripe_sandbox: StripeSandbox, locale: str, words: str
    ) -> None:
        order = place_order(payment_method="pm_card_authenticationRequired")
        order.contact_locale = locale
        order.save()
        capture(order)
        data = client.get(payment_url(order)).json()
        assert data["status"] == "requires_action"
        assert data["message"].startswith(words)

    def test_a_decline_is_explained_with_the_next_attempt(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        due = plan_dunning_step(order)
        data = client.get(payment_url(order)).json()
        assert data["status"] == "payment_failed"
        assert data["message"].startswith("The card does not cover the amount")
        assert dt.datetime.fromisoformat(data["next_attempt_at"]) == due

    def test_a_dunning_step_that_only_reminds_is_not_an_attempt(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("expired_card")
        plan_dunning_step(order)
        assert client.get(payment_url(order)).json()["next_attempt_at"] is None

    def test_a_canceled_order_has_nothing_to_pay(self, client: Client) -> None:
        order = place_order(status="canceled")
        data = client.get(payment_url(order)).json()
        assert (data["status"], data["payment_url"]) == ("nothing_to_pay", "")

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_other_methods_are_rejected(self, client: Client, method: str) -> None:
        assert getattr(client, method)(payment_url(place_order())).status_code == 405

    @pytest.mark.parametrize("path", ["", "payment-method/"])
    def test_a_forged_token_is_a_404(self, client: Client, path: str) -> None:
        order = place_order()
        forged = payment_url(order).replace(str(order.pk), "0" * 8 + str(order.pk)[8:])
        response = post(client, f"{forged}payment-method/", {"payment_method": "pm_1"}) if path else client.get(forged)
        assert (response.status_code, response["Content-Type"]) == (404, PROBLEM)

    def test_a_payment_link_is_not_a_status_token(self, client: Client) -> None:
        from charges import payment_links

        token = payment_links.token(order_id=place_order().pk, at=timezone.now())
        assert client.get(f"/api/v1/orders/status/{token}/payment/").status_code == 404


class TestCard:
    def test_another_card_pays_the_order(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        response = post(client, f"{payment_url(order)}payment-method/", {"payment_method": "pm_card_mastercard"})
        assert (response.status_code, response.json()["status"]) == (202, "processing")
        assert published()["PaymentDue"] == 1

        capture(order)

        assert client.get(payment_url(order)).json()["status"] == "paid"
        assert stripe_sandbox.statuses() == ["succeeded"]

    def test_a_second_card_is_rejected_while_the_first_is_charged(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("insufficient_funds")
        url = f"{payment_url(order)}payment-method/"
        post(client, url, {"payment_method": "pm_card_mastercard"})
        response = post(client, url, {"payment_method": "pm_card_visa"})
        assert (response.status_code, response["Content-Type"]) == (409, PROBLEM)
        assert published()["PaymentDue"] == 1

    def test_a_sixth_card_in_a_day_is_rejected(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        url, card = f"{payment_url(order)}payment-method/", {"payment_method": "pm_card_chargeCustomerFail"}
        for _ in range(5):
            assert post(client, url, card).status_code == 202
            capture(order)
        response = post(client, url, card)
        assert (response.status_code, response["Content-Type"], int(response["Retry-After"]) > 80_000) == (
            429,
            PROBLEM,
            True,
        )

    def test_a_paid_order_accepts_no_card(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = place_order()
        capture(order)
        response = post(client, f"{payment_url(order)}payment-method/", {"payment_method": "pm_card_visa"})
        assert (response.status_code, response.json()["detail"]) == (409, "There is nothing to pay.")

    @pytest.mark.parametrize(
        ("body", "code"),
        [({}, 400), ({"payment_method": 1}, 400), ({"payment_method": "4242424242424242"}, 422), ([], 400)],
    )
    def test_an_invalid_payment_method_is_rejected_and_changes_nothing(
        self, client: Client, stripe_sandbox: StripeSandbox, body: Any, code: int
    ) -> None:
        order = declined_order("insufficient_funds")
        response = post(client, f"{payment_url(order)}payment-method/", body)
        assert (response.status_code, response["Content-Type"]) == (code, PROBLEM)
        assert response.json()["errors"][0]["field"] in ("payment_method", "body")
        assert "PaymentDue" not in published()

    @pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
    def test_other_methods_are_rejected(self, client: Client, method: str) -> None:
        assert getattr(client, method)(f"{payment_url(place_order())}payment-method/").status_code == 405

    @pytest.mark.parametrize(
        ("throttle", "changes_address", "codes"),
        [
            (PaymentOrderThrottle, True, [409, 409, 429]),
            (PaymentAddressThrottle, True, [409, 409, 409]),
            (PaymentAddressThrottle, False, [409, 409, 429]),
        ],
    )
    def test_too_many_cards_are_rejected_by_order_and_by_address(
        self,
        client: Client,
        monkeypatch: pytest.MonkeyPatch,
        throttle: type[PaymentOrderThrottle],
        changes_address: bool,
        codes: list[int],
    ) -> None:
        monkeypatch.setattr(throttle, "rate", "2/min", raising=False)
        url = f"{payment_url(place_order())}payment-method/"
        addresses = [f"192.0.2.{20 + number}" if changes_address else "192.0.2.99" for number in range(3)]
        body = {"payment_method": "pm_card_visa"}
        responses = [
            client.post(url, body, content_type="application/json", REMOTE_ADDR=address) for address in addresses
        ]
        assert [response.status_code for response in responses] == codes
