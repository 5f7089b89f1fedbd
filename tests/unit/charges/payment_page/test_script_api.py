"""The actions of the page's script: confirm the payment, report the customer's return, and use another card."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from charges.operations.payments import payment_page
from integrations.outbox.models import OutboxMessage
from orders.models import Order
from tests.support.deliveries import capture, published
from tests.support.factories import declined_order, place_order
from tests.support.payment_page import order_requiring_action, page_path
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def method_path(order: Any) -> str:
    """The path to which the page posts another payment method."""
    return f"{page_path(order)}payment-method/"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


class TestConfirmation:
    def test_the_script_gets_the_client_secret_and_the_payment_method(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = order_requiring_action()
        response = client.post(f"{page_path(order)}session/")
        [intent] = stripe_sandbox.intents()
        [card] = stripe_sandbox.objects(f"customers/{intent['customer']}/payment_methods")
        assert response.status_code == 200
        assert response.json()["payment_method"] == card["id"]
        assert response.json()["client_secret"].startswith(f"{intent['id']}_secret_")

    def test_the_repr_of_a_confirmation_hides_the_client_secret(self) -> None:
        shown = repr(payment_page.Confirmation(client_secret="pi_1_secret_2", payment_method="pm_1", saves_card=False))
        assert "secret_2" not in shown

    def test_if_the_intent_is_no_longer_confirmable_a_task_reads_it(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = order_requiring_action()
        intent = stripe_sandbox.intents()[0]["id"]
        stripe_sandbox.api("POST", f"/v1/payment_intents/{intent}/cancel")
        assert client.post(f"{page_path(order)}session/").status_code == 409
        assert published()["PaymentReturned"] == 1

    @pytest.mark.parametrize("status", ["pending_payment", "paid", "payment_failed", "canceled"])
    def test_in_another_state_there_is_nothing_to_confirm(
        self, client: Client, stripe_sandbox: StripeSandbox, status: str
    ) -> None:
        order = order_requiring_action()
        Order.objects.update(status=status, paid_at=timezone.now(), canceled_at=timezone.now())
        before = len(stripe_sandbox.requests(method="GET"))
        assert client.post(f"{page_path(order)}session/").status_code == 409
        assert len(stripe_sandbox.requests(method="GET")) == before

    @pytest.mark.parametrize("path", ["session", "setup"])
    @pytest.mark.parametrize("fault", [{"kind": "error", "status": 500}, {"kind": "drop"}], ids=str)
    def test_if_stripe_fails_the_customer_reads_it_and_the_log_has_the_cause(
        self,
        client: Client,
        stripe_sandbox: StripeSandbox,
        path: str,
        fault: dict[str, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        order = order_requiring_action() if path == "session" else declined_order("expired_card")
        stripe_sandbox.faults(fault)
        response = client.post(f"{page_path(order)}{path}/")
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert response.json()["message"].startswith("Our payment provider is not responding.")
        [message] = [row.getMessage() for row in caplog.records if row.name == "charges.payment_page.script_api"]
        assert "Stripe answered 500" in message or "Stripe did not answer" in message

    def test_after_a_return_a_task_reads_the_payment(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = order_requiring_action()
        assert client.post(f"{page_path(order)}return/").status_code == 202
        [message] = OutboxMessage.objects.filter(task="charges.read_payment")
        assert message.kwargs == {
            "order_id": str(order.pk),
            "customer_id": str(order.customer_id),
            "order_number": order.number,
        }

    def test_a_return_to_a_paid_order_publishes_nothing(self, client: Client) -> None:
        order = place_order(status="paid", paid_at=timezone.now())
        assert client.post(f"{page_path(order)}return/").status_code == 202
        assert not OutboxMessage.objects.exists()


class TestAnotherCard:
    def test_a_card_is_saved_and_charged(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        assert client.post(f"{page_path(order)}setup/").json().keys() == {"client_secret"}
        response = client.post(
            method_path(order), {"payment_method": "pm_card_visa"}, content_type="application/json"
        )
        assert response.status_code == 202
        assert published()["PaymentDue"] == 1
        assert client.get(f"{page_path(order)}status/").json()["state"] == "processing"

    @pytest.mark.parametrize(
        "body", ["", "{", "[]", "{}", '{"payment_method": 1}', '{"payment_method": "4242"}', "[" * 4000, "x" * 9000]
    )
    def test_an_invalid_body_changes_nothing(self, client: Client, stripe_sandbox: StripeSandbox, body: str) -> None:
        order = declined_order("insufficient_funds")
        response = client.post(method_path(order), body, content_type="application/json")
        assert response.status_code == 400
        assert response.json()["message"].startswith("We cannot charge this card")
        assert "PaymentDue" not in published()

    def test_another_card_can_replace_one_that_awaits_authentication(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = order_requiring_action()
        assert client.post(f"{page_path(order)}setup/").json().keys() == {"client_secret"}
        body = json.dumps({"payment_method": "pm_card_visa"})
        assert client.post(method_path(order), body, content_type="application/json").status_code == 202
        capture(order)
        assert client.get(f"{page_path(order)}status/").json()["state"] == "paid"
        assert stripe_sandbox.statuses() == ["succeeded"]

    def test_while_a_payment_is_in_progress_no_other_card_is_accepted(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = order_requiring_action()
        body = json.dumps({"payment_method": "pm_card_visa"})
        assert client.post(method_path(order), body, content_type="application/json").status_code == 202
        assert client.post(f"{page_path(order)}setup/").status_code == 409
        assert client.post(method_path(order), body, content_type="application/json").status_code == 409
        assert stripe_sandbox.objects("setup_intents") == []

    def test_a_sixth_card_in_a_day_is_rejected(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        body = json.dumps({"payment_method": "pm_card_chargeCustomerFail"})
        for _ in range(5):
            assert client.post(method_path(order), body, content_type="application/json").status_code == 202
            capture(order)
        response = client.post(method_path(order), body, content_type="application/json")
        assert (response.status_code, int(response["Retry-After"]) > 80_000) == (429, True)
        assert response.json()["message"].startswith("Too many cards were tried")

    def test_a_paid_order_has_nothing_to_pay(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = place_order()
        capture(order)
        body = json.dumps({"payment_method": "pm_card_visa"})
        response = client.post(method_path(order), body, content_type="application/json")
        assert (response.status_code, response.json()) == (409, {"message": "There is nothing to pay"})
