"""The HTML page: what it shows in each state and language, and the request for a new link."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone, translation

from charges.models import Charge, DunningStep
from charges.payment_page import texts
from charges.payment_status import PaymentState
from charges.throttles import PaymentOrderThrottle
from integrations.outbox.models import OutboxMessage
from integrations.stripe.errors import InvalidRequest
from tests.support.deliveries import capture, published
from tests.support.factories import declined_order, place_order, plan_dunning_step
from tests.support.languages import LANGUAGES, in_language
from tests.support.payment_page import order_requiring_action, page_path
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


class TestPage:
    @pytest.mark.parametrize(
        ("status", "heading"),
        [
            ("paid", "Thank you"),
            ("fulfilled", "Thank you"),
            ("pending_payment", "Your payment is being processed"),
            ("canceled", "There is nothing to pay"),
            ("refunded", "There is nothing to pay"),
            ("partially_refunded", "Thank you"),
        ],
    )
    def test_each_settled_order_status_has_its_page(self, client: Client, status: str, heading: str) -> None:
        order = place_order(status=status, paid_at=timezone.now())
        response = client.get(page_path(order))
        assert response.status_code == 200
        assert f">{heading}</h1>" in response.text
        assert "stripe.js" not in response.text

    @pytest.mark.parametrize(
        ("locale", "words"),
        [
            ("en", "Your bank asks you to confirm"),
            ("de-CH", "Ihre Bank bittet Sie"),
            ("fr", "Votre banque vous demande"),
            ("eo", "Your bank asks you to confirm"),
        ],
    )
    def test_a_payment_to_confirm_has_a_button_in_the_customers_language(
        self, client: Client, stripe_sandbox: StripeSandbox, locale: str, words: str
    ) -> None:
        text = client.get(page_path(order_requiring_action(locale))).text
        assert words in text
        assert 'id="confirm"' in text
        assert f'<html lang="{locale[:2] if locale != "eo" else "en"}"' in text

    def test_a_declined_payment_shows_the_reason_and_the_next_attempt(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("insufficient_funds")
        due = plan_dunning_step(order)
        text = client.get(page_path(order)).text
        assert "The card does not cover the amount" in text
        assert f"we will try the same card again on {due:%B} {due.day}, {due.year}." in text
        assert 'id="card-field"' in text

    def test_an_overdue_attempt_is_not_announced_for_a_past_day(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("insufficient_funds")
        plan_dunning_step(order)
        DunningStep.objects.update(due_at=timezone.now() - dt.timedelta(days=1))
        assert "the same card again" not in client.get(page_path(order)).text

    def test_a_card_that_is_being_charged_again_is_processing(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("insufficient_funds")
        Charge.objects.update(status="pending")
        assert client.get(f"{page_path(order)}status/").json() == {"state": "processing", "message": ""}

    def test_a_payment_that_failed_by_our_fault_is_processing_and_says_so(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = place_order(amount=10)  # less than Stripe takes
        with pytest.raises(InvalidRequest):
            capture(order)
        response = client.get(page_path(order))
        assert ">Your payment is being processed</h1>" in response.text
        assert "Something went wrong on our side. Nothing was charged" in response.text
        assert (
            client.get(f"{page_path(order)}status/").json()["message"].startswith("Something went wrong on our side.")
        )

    def test_it_shows_the_order_and_nothing_about_the_customer(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = order_requiring_action()
        text = client.get(page_path(order)).text
        for shown in ("Corner Shop", order.number, "1 × Coffee", "€12.90"):
            assert shown in text
        for hidden in (order.customer.email, order.customer.name, "_secret_", "pi_", "pm_", "sk_test"):
            assert hidden not in text

    def test_the_name_of_a_plan_is_escaped(self, client: Client) -> None:
        order = place_order()
        order.subscription.plan.name = "<script>alert(1)</script>"
        order.subscription.plan.save()
        assert "<script>alert" not in client.get(page_path(order)).text

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_state_has_its_texts_in_every_language(self, language: str) -> None:
        for state in PaymentState:
            assert state in texts.HEADINGS
            assert state in texts.TEXTS or state == PaymentState.PAYMENT_FAILED
        for table in (texts.HEADINGS, texts.TEXTS, texts.SCRIPT_TEXTS):
            for text in table.values():
                assert (in_language(text, language) == in_language(text, "en")) is (language == "en")

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("status", ["paid", "pending_payment", "canceled"])
    def test_every_state_is_rendered_in_every_language(self, client: Client, language: str, status: str) -> None:
        order = place_order(status=status, paid_at=timezone.now())
        order.contact_locale = language
        order.save()
        text = client.get(page_path(order)).text
        assert f'<html lang="{language}"' in text
        with translation.override(language):
            assert translation.pgettext("payment page", "Amount") in text
        assert translation.get_language() == "en-us"

    @pytest.mark.parametrize(
        ("accepted", "heading"),
        [
            ("fr-CA, de;q=0.9", "Ce lien ne fonctionne pas"),
            ("eo, de;q=0.5, fr;q=0.4", "Dieser Link funktioniert nicht"),
            ("eo", "This link does not work"),
            ("", "This link does not work"),
        ],
    )
    def test_without_a_customer_the_page_has_the_browsers_language(
        self, client: Client, accepted: str, heading: str
    ) -> None:
        assert heading in client.get("/pay/x:y:z/", headers={"Accept-Language": accepted}).text


class TestNewLink:
    def test_two_requests_in_one_hour_share_one_request_id(self, client: Client) -> None:
        order = place_order()
        for _ in range(2):
            response = client.post(f"{page_path(order, age_days=8)}link/")
            assert response.status_code == 200
            assert "Check your inbox" in response.text
        requests = {row.kwargs["request"] for row in OutboxMessage.objects.all()}
        assert requests == {f"{order.number}-{timezone.now():%Y%m%d%H}"}
        assert published()["PaymentLinkRequested"] == 2

    def test_the_response_does_not_show_whether_a_link_is_sent(self, client: Client) -> None:
        unpaid, paid = place_order(), place_order(status="paid", paid_at=timezone.now())
        responses = [client.post(f"{page_path(one, age_days=8)}link/").text for one in (unpaid, paid)]
        assert responses[0].replace(unpaid.number, "") == responses[1].replace(paid.number, "")
        assert published()["PaymentLinkRequested"] == 1

    def test_a_valid_link_redirects_to_its_page(self, client: Client) -> None:
        url = page_path(place_order())
        response = client.post(f"{url}link/")
        assert response.status_code == 302
        assert response["Location"].startswith("/pay/")
        assert not OutboxMessage.objects.exists()

    def test_too_many_requests_get_the_same_response_and_no_link(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PaymentOrderThrottle, "rate", "1/min", raising=False)
        url = f"{page_path(place_order(), age_days=8)}link/"
        texts = {client.post(url).text for _ in range(3)}
        assert len(texts) == 1
        assert published()["PaymentLinkRequested"] == 1
