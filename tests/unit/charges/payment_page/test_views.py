"""The payment page: what it shows, to whom, and what it lets them do."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone, translation

from charges import payment_links
from charges.models import Charge, DunningStep
from charges.operations.payments import payment_page
from charges.payment_page import page, script_api, texts
from charges.payment_status import PaymentState
from charges.throttles import PaymentAddressThrottle, PaymentOrderThrottle
from integrations.outbox.models import OutboxMessage
from integrations.stripe.errors import InvalidRequest
from orders import status_tokens
from orders.models import Order
from tests.support.deliveries import capture, published
from tests.support.factories import declined_order, place_order, plan_dunning_step
from tests.support.languages import LANGUAGES, in_language
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

POSTS = ("session", "return", "setup", "card")


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def page_of(order: Any, *, age_days: int = 0) -> str:
    return f"/pay/{payment_links.token(order_id=order.pk, at=timezone.now() - dt.timedelta(days=age_days))}/"


def waiting_order(locale: str = "en") -> Any:
    """An order whose bank asks for the customer."""
    order = place_order(payment_method="pm_card_authenticationRequired")
    order.customer.locale = locale
    order.customer.save()
    capture(order)
    return order


class TestWhatItShows:
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
    def test_each_status_has_its_page(self, client: Client, status: str, heading: str) -> None:
        order = place_order(status=status, paid_at=timezone.now())
        answer = client.get(page_of(order))
        assert answer.status_code == 200
        assert f">{heading}</h1>" in answer.text
        assert "stripe.js" not in answer.text

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
        text = client.get(page_of(waiting_order(locale))).text
        assert words in text
        assert 'id="confirm"' in text
        assert f'<html lang="{locale[:2] if locale != "eo" else "en"}"' in text

    def test_a_declined_payment_says_why_and_when_it_is_tried_again(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("insufficient_funds")
        due = plan_dunning_step(order)
        text = client.get(page_of(order)).text
        assert "The card does not cover the amount" in text
        assert f"we will try the same card again on {due:%B} {due.day}, {due.year}." in text
        assert 'id="card-field"' in text

    def test_a_try_that_is_overdue_is_not_promised_for_a_day_that_has_passed(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("insufficient_funds")
        plan_dunning_step(order)
        DunningStep.objects.update(due_at=timezone.now() - dt.timedelta(days=1))
        assert "the same card again" not in client.get(page_of(order)).text

    def test_a_card_that_is_being_charged_again_is_processing(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = declined_order("insufficient_funds")
        Charge.objects.update(status="pending")
        assert client.get(f"{page_of(order)}status/").json() == {"state": "processing", "message": ""}

    def test_a_payment_that_failed_by_our_fault_says_so_and_waits(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = place_order(amount=10)  # less than Stripe takes
        with pytest.raises(InvalidRequest):
            capture(order)
        answer = client.get(page_of(order))
        assert ">Your payment is being processed</h1>" in answer.text
        assert "Something went wrong on our side. Nothing was charged" in answer.text
        assert client.get(f"{page_of(order)}status/").json()["message"].startswith("Something went wrong on our side.")

    def test_it_shows_the_order_and_nothing_of_the_customer(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = waiting_order()
        text = client.get(page_of(order)).text
        for shown in ("Corner Shop", order.number, "1 × Coffee", "€12.90"):
            assert shown in text
        for hidden in (order.customer.email, order.customer.name, "_secret_", "pi_", "pm_", "sk_test"):
            assert hidden not in text

    def test_what_a_plan_is_called_is_text(self, client: Client) -> None:
        order = place_order()
        order.subscription.plan.name = "<script>alert(1)</script>"
        order.subscription.plan.save()
        assert "<script>alert" not in client.get(page_of(order)).text

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
        order.customer.locale = language
        order.customer.save()
        text = client.get(page_of(order)).text
        assert f'<html lang="{language}"' in text
        with translation.override(language):
            assert translation.pgettext("payment page", "Amount") in text
        assert translation.get_language() == "en-us"

    @pytest.mark.parametrize(
        ("wished", "heading"),
        [
            ("fr-CA, de;q=0.9", "Ce lien ne fonctionne pas"),
            ("eo, de;q=0.5, fr;q=0.4", "Dieser Link funktioniert nicht"),
            ("eo", "This link does not work"),
            ("", "This link does not work"),
        ],
    )
    def test_without_a_customer_the_browser_names_the_language(
        self, client: Client, wished: str, heading: str
    ) -> None:
        assert heading in client.get("/pay/x:y:z/", headers={"Accept-Language": wished}).text


class TestWhoMaySeeIt:
    @pytest.mark.parametrize("path", ["", "status/"])
    @pytest.mark.parametrize("token", ["nonsense", "", None])
    def test_a_bad_link_is_a_404_that_says_what_to_do(self, client: Client, path: str, token: str | None) -> None:
        token = token if token is not None else payment_links.token(order_id=uuid4(), at=timezone.now())
        answer = client.get(f"/pay/{token or 'x:y:z'}/{path}", headers={"Accept-Language": "de-DE,de;q=0.9"})
        assert answer.status_code == 404
        assert "Er scheint unvollständig zu sein" in answer.text or path == "status/"

    @pytest.mark.parametrize("path", [*POSTS, "link"])
    def test_a_bad_link_lets_nobody_do_anything(self, client: Client, path: str) -> None:
        order = place_order()
        forged = page_of(order).replace(str(order.pk), str(place_order().pk))
        assert client.post(f"{forged}{path}/", "{}", content_type="application/json").status_code == 404
        assert not OutboxMessage.objects.exists()

    def test_an_expired_link_is_a_410_that_offers_a_new_one(self, client: Client) -> None:
        answer = client.get(page_of(place_order(), age_days=8))
        assert answer.status_code == 410
        assert "Send me a new link" in answer.text
        assert "€12.90" not in answer.text

    @pytest.mark.parametrize("path", POSTS)
    def test_an_expired_link_pays_nothing(self, client: Client, stripe_sandbox: StripeSandbox, path: str) -> None:
        order = waiting_order()
        before = len(stripe_sandbox.requests(method="GET")), OutboxMessage.objects.count()
        answer = client.post(f"{page_of(order, age_days=8)}{path}/", "{}", content_type="application/json")
        assert answer.status_code == 410
        assert answer.json().keys() == {"message"}
        assert (len(stripe_sandbox.requests(method="GET")), OutboxMessage.objects.count()) == before

    def test_an_expired_link_tells_no_status(self, client: Client) -> None:
        assert client.get(f"{page_of(place_order(), age_days=8)}status/").status_code == 410

    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            ("", ["head", "post", "put", "patch", "delete", "options"]),
            ("status/", ["head", "post", "put", "patch", "delete", "options"]),
            *((f"{one}/", ["get", "head", "put", "patch", "delete", "options"]) for one in (*POSTS, "link")),
        ],
    )
    def test_other_methods_are_refused(self, client: Client, path: str, methods: list[str]) -> None:
        url = f"{page_of(place_order())}{path}"
        assert {getattr(client, method)(url).status_code for method in methods} == {405}

    @pytest.mark.parametrize("path", [*POSTS, "link"])
    def test_forms_of_other_sites_are_refused(self, stripe_sandbox: StripeSandbox, path: str) -> None:
        strict = Client(enforce_csrf_checks=True)
        order = waiting_order()
        before = OutboxMessage.objects.count()
        url = page_of(order, age_days=8 if path == "link" else 0)
        assert strict.post(f"{url}{path}/", "{}", content_type="application/json").status_code == 403
        assert OutboxMessage.objects.count() == before

    def test_the_pages_own_script_is_let_in(self, stripe_sandbox: StripeSandbox) -> None:
        strict = Client(enforce_csrf_checks=True)
        url = page_of(waiting_order())
        assert post_as_the_page(strict, url, "return").status_code == 202

    @pytest.mark.parametrize("path", ["", "status/"])
    def test_inspecting_changes_nothing(self, client: Client, stripe_sandbox: StripeSandbox, path: str) -> None:
        order = waiting_order()
        before = (OutboxMessage.objects.count(), len(stripe_sandbox.requests(method="GET")))
        updated = Order.objects.get().updated_at
        for _ in range(3):
            assert client.get(f"{page_of(order)}{path}").status_code == 200
        assert (OutboxMessage.objects.count(), len(stripe_sandbox.requests(method="GET"))) == before
        assert Order.objects.get().updated_at == updated


class TestHeaders:
    @pytest.mark.parametrize(("path", "age"), [("", 0), ("", 8), ("status/", 0), ("status/", 8)])
    def test_the_link_stays_between_us_and_the_customer(self, client: Client, path: str, age: int) -> None:
        answer = client.get(f"{page_of(place_order(), age_days=age)}{path}")
        policy = "same-origin" if (path, age) == ("", 8) else "no-referrer"
        assert answer["Referrer-Policy"] == policy
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert "'unsafe" not in answer["Content-Security-Policy"]

    def test_stripes_script_may_do_what_it_needs_and_no_other(self, client: Client, settings: Any) -> None:
        settings.STRIPE_JS_URL = "https://js.stripe.com/endive/stripe.js"
        policy = client.get(page_of(place_order()))["Content-Security-Policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "script-src 'self' https://js.stripe.com https://*.js.stripe.com" in policy
        assert "connect-src 'self' https://api.stripe.com" in policy
        assert "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com" in policy
        assert "frame-ancestors 'none'" in policy

    def test_the_stand_in_has_the_place_of_stripes_script(self, client: Client, settings: Any) -> None:
        settings.STRIPE_JS_URL = "http://127.0.0.1:8420/stripe.js"
        policy = client.get(page_of(place_order()))["Content-Security-Policy"]
        assert "script-src 'self' http://127.0.0.1:8420;" in policy
        assert "stripe.com" not in policy

    def test_no_script_is_written_into_the_page(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        for order in (waiting_order(), declined_order("expired_card"), place_order()):
            text = client.get(page_of(order)).text
            scripts = re.findall(r"<script([^>]*)>", text)
            assert scripts
            assert all("src=" in one or 'type="application/json"' in one for one in scripts)
            assert not re.search(r"\son\w+=|\sstyle=", text)

    def test_other_pages_have_no_such_policy(self, client: Client) -> None:
        assert "Content-Security-Policy" not in client.get("/api/v1/plans/")


class TestConfirming:
    def test_the_browser_gets_the_secret_and_the_card(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = waiting_order()
        answer = client.post(f"{page_of(order)}session/")
        [intent] = stripe_sandbox.intents()
        [card] = stripe_sandbox.objects(f"customers/{intent['customer']}/payment_methods")
        assert answer.status_code == 200
        assert answer.json()["payment_method"] == card["id"]
        assert answer.json()["client_secret"].startswith(f"{intent['id']}_secret_")

    def test_the_secret_is_not_shown_by_accident(self) -> None:
        shown = repr(payment_page.Confirmation(client_secret="pi_1_secret_2", payment_method="pm_1"))
        assert "secret_2" not in shown

    def test_an_intent_that_was_confirmed_meanwhile_is_read_instead(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = waiting_order()
        intent = stripe_sandbox.intents()[0]["id"]
        stripe_sandbox.api("POST", f"/v1/payment_intents/{intent}/cancel")
        assert client.post(f"{page_of(order)}session/").status_code == 409
        assert published()["PaymentReturned"] == 1

    @pytest.mark.parametrize("status", ["pending_payment", "paid", "payment_failed", "canceled"])
    def test_there_is_nothing_to_confirm_in_another_state(
        self, client: Client, stripe_sandbox: StripeSandbox, status: str
    ) -> None:
        order = waiting_order()
        Order.objects.update(status=status, paid_at=timezone.now())
        before = len(stripe_sandbox.requests(method="GET"))
        assert client.post(f"{page_of(order)}session/").status_code == 409
        assert len(stripe_sandbox.requests(method="GET")) == before

    @pytest.mark.parametrize("path", ["session", "setup"])
    @pytest.mark.parametrize("fault", [{"kind": "error", "status": 500}, {"kind": "drop"}], ids=str)
    def test_a_stripe_that_is_away_is_told_in_plain_words_and_to_operators(
        self,
        client: Client,
        stripe_sandbox: StripeSandbox,
        path: str,
        fault: dict[str, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        order = waiting_order() if path == "session" else declined_order("expired_card")
        stripe_sandbox.faults(fault)
        answer = client.post(f"{page_of(order)}{path}/")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert answer.json()["message"].startswith("Our payment provider is not responding.")
        [told] = [one.getMessage() for one in caplog.records if one.name == "charges.payment_page.script_api"]
        assert "Stripe answered 500" in told or "Stripe did not answer" in told

    def test_a_return_has_the_payment_read_by_a_task(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = waiting_order()
        assert client.post(f"{page_of(order)}return/").status_code == 202
        [message] = OutboxMessage.objects.filter(task="charges.read_payment")
        assert message.kwargs == {
            "order_id": str(order.pk),
            "customer_id": str(order.customer_id),
            "order_number": order.number,
        }

    def test_a_return_to_a_paid_order_asks_nobody(self, client: Client) -> None:
        order = place_order(status="paid", paid_at=timezone.now())
        assert client.post(f"{page_of(order)}return/").status_code == 202
        assert not OutboxMessage.objects.exists()


class TestAnotherCard:
    def test_a_card_is_saved_and_charged(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        assert client.post(f"{page_of(order)}setup/").json().keys() == {"client_secret"}
        answer = client.post(
            f"{page_of(order)}card/", {"payment_method": "pm_card_visa"}, content_type="application/json"
        )
        assert answer.status_code == 202
        assert published()["PaymentDue"] == 1
        assert client.get(f"{page_of(order)}status/").json()["state"] == "processing"

    @pytest.mark.parametrize(
        "body", ["", "{", "[]", "{}", '{"payment_method": 1}', '{"payment_method": "4242"}', "[" * 4000, "x" * 9000]
    )
    def test_what_is_no_card_changes_nothing(self, client: Client, stripe_sandbox: StripeSandbox, body: str) -> None:
        order = declined_order("insufficient_funds")
        answer = client.post(f"{page_of(order)}card/", body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("We cannot charge this card")
        assert "PaymentDue" not in published()

    def test_a_card_in_the_place_of_one_whose_bank_waits(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = waiting_order()
        assert client.post(f"{page_of(order)}setup/").json().keys() == {"client_secret"}
        body = json.dumps({"payment_method": "pm_card_visa"})
        assert client.post(f"{page_of(order)}card/", body, content_type="application/json").status_code == 202
        capture(order)
        assert client.get(f"{page_of(order)}status/").json()["state"] == "paid"
        assert stripe_sandbox.statuses() == ["succeeded"]

    def test_while_a_payment_runs_no_card_is_taken(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = waiting_order()
        body = json.dumps({"payment_method": "pm_card_visa"})
        assert client.post(f"{page_of(order)}card/", body, content_type="application/json").status_code == 202
        assert client.post(f"{page_of(order)}setup/").status_code == 409
        assert client.post(f"{page_of(order)}card/", body, content_type="application/json").status_code == 409
        assert stripe_sandbox.objects("setup_intents") == []

    def test_too_many_cards_for_one_order(self, client: Client, stripe_sandbox: StripeSandbox) -> None:
        order = declined_order("insufficient_funds")
        body = json.dumps({"payment_method": "pm_card_chargeCustomerFail"})
        for _ in range(5):
            assert client.post(f"{page_of(order)}card/", body, content_type="application/json").status_code == 202
            capture(order)
        answer = client.post(f"{page_of(order)}card/", body, content_type="application/json")
        assert (answer.status_code, int(answer["Retry-After"]) > 80_000) == (429, True)
        assert answer.json()["message"].startswith("Too many cards were tried")

    def test_a_paid_order_says_that_there_is_nothing_to_pay(
        self, client: Client, stripe_sandbox: StripeSandbox
    ) -> None:
        order = place_order()
        capture(order)
        body = json.dumps({"payment_method": "pm_card_visa"})
        answer = client.post(f"{page_of(order)}card/", body, content_type="application/json")
        assert (answer.status_code, answer.json()) == (409, {"message": "There is nothing to pay"})


class TestNewLink:
    def test_a_new_link_is_asked_for_once_an_hour(self, client: Client) -> None:
        order = place_order()
        for _ in range(2):
            answer = client.post(f"{page_of(order, age_days=8)}link/")
            assert answer.status_code == 200
            assert "Check your inbox" in answer.text
        requests = {row.kwargs["request"] for row in OutboxMessage.objects.all()}
        assert requests == {f"{order.number}-{timezone.now():%Y%m%d%H}"}
        assert published()["PaymentLinkRequested"] == 2

    def test_the_answer_does_not_tell_whether_one_is_sent(self, client: Client) -> None:
        unpaid, paid = place_order(), place_order(status="paid", paid_at=timezone.now())
        answers = [client.post(f"{page_of(one, age_days=8)}link/").text for one in (unpaid, paid)]
        assert answers[0].replace(unpaid.number, "") == answers[1].replace(paid.number, "")
        assert published()["PaymentLinkRequested"] == 1

    def test_a_link_that_works_leads_to_its_page(self, client: Client) -> None:
        url = page_of(place_order())
        answer = client.post(f"{url}link/")
        assert answer.status_code == 302
        assert answer["Location"].startswith("/pay/")
        assert not OutboxMessage.objects.exists()

    def test_too_many_requests_get_the_same_answer_and_no_link(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PaymentOrderThrottle, "rate", "1/min", raising=False)
        url = f"{page_of(place_order(), age_days=8)}link/"
        texts = {client.post(url).text for _ in range(3)}
        assert len(texts) == 1
        assert published()["PaymentLinkRequested"] == 1


class TestWithoutTheDatabase:
    @pytest.mark.parametrize("error", [OperationalError, InterfaceError])
    @pytest.mark.parametrize(
        ("method", "path"), [("get", ""), ("get", "status/"), ("post", "card/"), ("post", "link/")]
    )
    def test_it_asks_to_come_again(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, method: str, path: str, error: type[Exception]
    ) -> None:
        url = page_of(place_order())

        def away(token: str) -> None:
            raise error("connection to server at db.example.com failed")

        monkeypatch.setattr(page, "order_of_link", away)
        monkeypatch.setattr(script_api, "order_of_link", away)
        answer = getattr(client, method)(f"{url}{path}", headers={"Accept-Language": "de"})
        assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "5", "no-store")
        assert "in einer Minute" in (answer.text if path in ("", "link/") else answer.json()["message"])
        assert "db.example.com" not in answer.text


class TestThrottles:
    @pytest.mark.parametrize("throttle", [PaymentOrderThrottle, PaymentAddressThrottle])
    def test_changes_are_throttled_and_looks_are_not(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, throttle: type[PaymentOrderThrottle]
    ) -> None:
        monkeypatch.setattr(throttle, "rate", "2/min", raising=False)
        url, address = page_of(place_order()), {"REMOTE_ADDR": f"192.0.2.{len(throttle.__name__)}"}
        answers = [client.post(f"{url}return/", **address) for _ in range(3)]
        assert [one.status_code for one in answers] == [202, 202, 429]
        assert int(answers[-1]["Retry-After"]) > 0
        assert client.get(f"{url}status/", **address).status_code == 200

    def test_a_new_link_to_the_same_payment_is_no_new_share(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PaymentOrderThrottle, "rate", "2/min", raising=False)
        order = place_order()
        urls = [f"{page_of(order, age_days=age)}return/" for age in (0, 1, 2)]
        urls.append(f"/api/v1/orders/status/{status_tokens.token_of(order_id=order.pk)}/payment/card/")
        answers = [client.post(url, REMOTE_ADDR=f"192.0.2.{40 + n}") for n, url in enumerate(urls)]
        assert [one.status_code for one in answers] == [202, 202, 429, 429]

    def test_a_forged_link_uses_up_nobodys_share(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PaymentOrderThrottle, "rate", "1/min", raising=False)
        order = place_order()
        forged = f"/api/v1/orders/status/{order.pk}:forged/payment/card/"
        assert [client.post(forged, REMOTE_ADDR=f"192.0.2.{50 + n}").status_code for n in range(3)] == [404] * 3
        assert client.post(f"{page_of(order)}return/", REMOTE_ADDR="192.0.2.60").status_code == 202


def post_as_the_page(client: Client, url: str, path: str) -> Any:
    text = client.get(url).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
    assert token
    return client.post(f"{url}{path}/", "{}", content_type="application/json", headers={"X-CSRFToken": token[1]})
