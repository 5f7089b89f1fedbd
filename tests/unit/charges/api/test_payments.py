"""The payments API: cards saved before the checkout, and another card after it."""

from __future__ import annotations

import datetime as dt
import logging
import socket
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from charges.throttles import PaymentAddressThrottle, PaymentOrderThrottle, SetupIntentThrottle
from integrations.outbox.models import OutboxMessage
from integrations.stripe import setup_intents
from orders import status_tokens
from tests.support.deliveries import capture, published
from tests.support.factories import declined_order, place_order, plan_dunning_step
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

SETUP = "/api/v1/setup-intents/"
PROBLEM = "application/problem+json"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def payment_of(order: Any) -> str:
    return f"/api/v1/orders/status/{status_tokens.token_of(order_id=order.pk)}/payment/"


def post(client: Client, url: str, body: Any = None) -> Any:
    return client.post(url, {} if body is None else body, content_type="application/json")


class TestSetupIntents:
    def test_it_gives_what_a_browser_needs_to_save_a_card(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        answer = post(client, SETUP)

        assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
        told = answer.json()
        assert told.keys() == {"id", "client_secret", "publishable_key"}
        assert told["client_secret"].startswith(f"{told['id']}_secret_")
        assert told["publishable_key"] == "pk_test_sandbox"
        [made] = stripe_sandbox.objects("setup_intents")
        assert (made["usage"], made["payment_method_types"], made["customer"]) == ("off_session", ["card"], None)

    def test_nothing_of_it_is_kept_or_logged(
        self, client: Client, stripe_sandbox: StripeSandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            secret = post(client, SETUP).json()["client_secret"]
        assert secret not in caplog.text
        assert not OutboxMessage.objects.exists()
        assert secret not in repr(setup_intents.SetupIntent(id="seti_1", client_secret=secret))

    @pytest.mark.parametrize(
        ("fault", "wait"),
        [
            ({"kind": "error", "status": 429}, "5"),
            ({"kind": "error", "status": 429, "retry_after": 7}, "7"),
            ({"kind": "error", "status": 429, "retry_after": 86400}, "60"),
            ({"kind": "error", "status": 500}, "5"),
            ({"kind": "error", "status": 401}, "5"),
            ({"kind": "error", "status": 403}, "5"),
            ({"kind": "error", "status": 400}, "5"),
            ({"kind": "drop"}, "5"),
            ({"kind": "non_json"}, "5"),
        ],
        ids=str,
    )
    def test_whatever_ails_stripe_is_a_503(
        self, client: Client, stripe_sandbox: StripeSandbox, fault: dict[str, Any], wait: str
    ) -> None:
        stripe_sandbox.faults(fault)
        answer = post(client, SETUP)
        assert (answer.status_code, answer["Content-Type"], answer["Retry-After"]) == (503, PROBLEM, wait)

    def test_a_stripe_that_is_not_there_is_a_503(self, client: Client, settings: Any) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            settings.STRIPE_API_BASE = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            assert post(client, SETUP).status_code == 503

    def test_nobody_waits_long_for_a_stripe_that_is_silent(
        self, client: Client, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(setup_intents, "WEB_TIMEOUTS", (0.2, 0.2))
        stripe_sandbox.faults({"kind": "timeout", "seconds": 20})
        began = timezone.now()
        assert post(client, SETUP).status_code == 503
        assert timezone.now() - began < dt.timedelta(seconds=10)

    def test_a_wrong_key_is_told_to_operators(
        self, client: Client, stripe_sandbox: StripeSandbox, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.STRIPE_API_KEY = "sk_test_wrong"
        assert post(client, SETUP).status_code == 503
        assert "Stripe does not accept our key" in caplog.text

    @pytest.mark.parametrize("body", [{"customer": "cus_1"}, [], "x", 1])
    def test_a_body_that_says_anything_is_refused(
        self, client: Client, stripe_sandbox: StripeSandbox, body: Any
    ) -> None:
        answer = client.post(SETUP, body, content_type="application/json")
        assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)
        assert stripe_sandbox.objects("setup_intents") == []

    @pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
    def test_other_methods_are_refused(self, client: Client, method: str) -> None:
        assert getattr(client, method)(SETUP).status_code == 405

    def test_too_many_from_one_address_are_refused(
        self, client: Client, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SetupIntentThrottle, "rate", "2/min", raising=False)
        addresses = ["192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.8"]
        answers = [client.post(SETUP, {}, content_type="application/json", REMOTE_ADDR=one) for one in addresses]
        assert [answer.status_code for answer in answers] == [201, 201, 429, 201]

    def test_the_addresses_of_one_network_count_as_one(
        self, client: Client, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SetupIntentThrottle, "rate", "2/min", raising=False)
        addresses = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:f::3", "2001:db8:0:2::1", "::ffff:192.0.2.9"]
        answers = [client.post(SETUP, {}, content_type="application/json", REMOTE_ADDR=one) for one in addresses]
        assert [answer.status_code for answer in answers] == [201, 201, 429, 201, 201]


class TestPayment:
    def test_a_payment_that_has_only_begun_is_processing(self, client: Client) -> None:
        order = place_order()
        answer = client.get(payment_of(order))
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        told = answer.json()
        assert (told["status"], told["message"], told["next_attempt_at"]) == ("processing", "", None)
        assert told["payment_url"].startswith("http://127.0.0.1:8000/pay/")

    def test_a_paid_order_has_nothing_to_pay(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = place_order()
        capture(order)
        assert client.get(payment_of(order)).json() == {
            "status": "paid",
            "message": "",
            "payment_url": "",
            "next_attempt_at": None,
        }

    @pytest.mark.parametrize(("locale", "words"), [("en", "Your bank asks"), ("de-AT", "Ihre Bank bittet")])
    def test_a_bank_that_asks_for_the_customer_is_told_of_in_his_language(
        self, client: Client, stripe_sandbox: StripeSandbox, locale: str, words: str
    ) -> None:
        order = place_order(payment_method="pm_card_authenticationRequired")
        order.customer.locale = locale
        order.customer.save()
        capture(order)
        told = client.get(payment_of(order)).json()
        assert told["status"] == "requires_action"
        assert told["message"].startswith(words)

    def test_a_decline_is_told_with_the_next_try(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        due = plan_dunning_step(order)
        told = client.get(payment_of(order)).json()
        assert told["status"] == "payment_failed"
        assert told["message"].startswith("The card does not cover the amount")
        assert dt.datetime.fromisoformat(told["next_attempt_at"]) == due

    def test_a_step_that_only_reminds_is_no_try(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("expired_card")
        plan_dunning_step(order)
        assert client.get(payment_of(order)).json()["next_attempt_at"] is None

    def test_an_order_that_was_canceled_has_nothing_to_pay(self, client: Client) -> None:
        order = place_order(status="canceled")
        told = client.get(payment_of(order)).json()
        assert (told["status"], told["payment_url"]) == ("nothing_to_pay", "")

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_other_methods_are_refused(self, client: Client, method: str) -> None:
        assert getattr(client, method)(payment_of(place_order())).status_code == 405

    @pytest.mark.parametrize("path", ["", "card/"])
    def test_a_token_that_is_not_ours_opens_nothing(self, client: Client, path: str) -> None:
        order = place_order()
        forged = payment_of(order).replace(str(order.pk), "0" * 8 + str(order.pk)[8:])
        answer = post(client, f"{forged}card/", {"payment_method": "pm_1"}) if path else client.get(forged)
        assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)

    def test_a_payment_link_is_no_status_token(self, client: Client) -> None:
        from charges import payment_links

        token = payment_links.token(order_id=place_order().pk, at=timezone.now())
        assert client.get(f"/api/v1/orders/status/{token}/payment/").status_code == 404


class TestCard:
    def test_another_card_pays(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        answer = post(client, f"{payment_of(order)}card/", {"payment_method": "pm_card_mastercard"})
        assert (answer.status_code, answer.json()["status"]) == (202, "processing")
        assert published()["PaymentDue"] == 1

        capture(order)

        assert client.get(payment_of(order)).json()["status"] == "paid"
        assert stripe_sandbox.statuses() == ["succeeded"]

    def test_a_second_card_waits_for_the_first(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        url = f"{payment_of(order)}card/"
        post(client, url, {"payment_method": "pm_card_mastercard"})
        answer = post(client, url, {"payment_method": "pm_card_visa"})
        assert (answer.status_code, answer["Content-Type"]) == (409, PROBLEM)
        assert published()["PaymentDue"] == 1

    def test_a_sixth_card_in_a_day_is_refused(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        url, card = f"{payment_of(order)}card/", {"payment_method": "pm_card_chargeCustomerFail"}
        for _ in range(5):
            assert post(client, url, card).status_code == 202
            capture(order)
        answer = post(client, url, card)
        assert (answer.status_code, answer["Content-Type"], int(answer["Retry-After"]) > 80_000) == (429, PROBLEM, True)

    def test_a_paid_order_takes_no_card(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = place_order()
        capture(order)
        answer = post(client, f"{payment_of(order)}card/", {"payment_method": "pm_card_visa"})
        assert (answer.status_code, answer.json()["detail"]) == (409, "There is nothing to pay.")

    @pytest.mark.parametrize(
        ("body", "code"),
        [({}, 400), ({"payment_method": 1}, 400), ({"payment_method": "4242424242424242"}, 422), ([], 400)],
    )
    def test_what_is_no_card_is_refused_and_changes_nothing(
        self, client: Client, stripe_sandbox: StripeSandbox, body: Any, code: int
    ) -> None:
        order = declined_order("insufficient_funds")
        answer = post(client, f"{payment_of(order)}card/", body)
        assert (answer.status_code, answer["Content-Type"]) == (code, PROBLEM)
        assert answer.json()["errors"][0]["field"] in ("payment_method", "body")
        assert "PaymentDue" not in published()

    @pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
    def test_other_methods_are_refused(self, client: Client, method: str) -> None:
        assert getattr(client, method)(f"{payment_of(place_order())}card/").status_code == 405

    @pytest.mark.parametrize(
        ("throttle", "changes_address", "codes"),
        [
            (PaymentOrderThrottle, True, [409, 409, 429]),
            (PaymentAddressThrottle, True, [409, 409, 409]),
            (PaymentAddressThrottle, False, [409, 409, 429]),
        ],
    )
    def test_too_many_are_refused_per_payment_and_per_address(
        self,
        client: Client,
        monkeypatch: pytest.MonkeyPatch,
        throttle: type[PaymentOrderThrottle],
        changes_address: bool,
        codes: list[int],
    ) -> None:
        monkeypatch.setattr(throttle, "rate", "2/min", raising=False)
        url = f"{payment_of(place_order())}card/"
        addresses = [f"192.0.2.{20 + number}" if changes_address else "192.0.2.99" for number in range(3)]
        body = {"payment_method": "pm_card_visa"}
        answers = [client.post(url, body, content_type="application/json", REMOTE_ADDR=one) for one in addresses]
        assert [answer.status_code for answer in answers] == codes
