"""The first purchase gives a customer an account, and the mail about it shows how to log in."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from subscriptions.models import Customer, User
from tests.support.accounts import Browser, code_in, deliver
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def buy(email: str, *, name: str = "Ada", key: str = "k1", **headers: str) -> Any:
    body = {"plan": "coffee-monthly", "payment_method": "pm_card_visa", "customer": {"email": email, "name": name}}
    return Client().post(
        "/api/v1/checkout/", body, content_type="application/json", headers={"Idempotency-Key": key, **headers}
    )


def account_mails(brevo: BrevoSandbox) -> list[dict[str, Any]]:
    deliver("AccountQueue")
    deliver("EmailsQueue")
    return [mail for mail in brevo.records("mails") if mail["tags"] == ["account_created"]]


def test_a_first_purchase_leads_to_a_login(coffee: Any, brevo_sandbox: BrevoSandbox) -> None:
    assert buy("Ada@Example.com").status_code == 201
    [mail] = account_mails(brevo_sandbox)
    assert mail["to"] == [{"email": "Ada@example.com", "name": "Ada"}]
    assert "http://127.0.0.1:8000/login/" in mail["textContent"]
    assert Client().get("/login/").status_code == 200

    browser = Browser()
    browser.ask("ada@example.com")
    deliver()
    assert browser.post("auth/code/", {"code": code_in(brevo_sandbox.records("mails")[0])}).status_code == 200
    assert [order["status"] for order in browser.get("me/orders/").json()["results"]] == ["pending_payment"]


def test_a_second_purchase_sends_no_second_mail_and_shows_nothing(coffee: Any, brevo_sandbox: BrevoSandbox) -> None:
    """A purchase does not prove that the buyer owns the address."""
    buy("ada@example.com", name="Ada Lovelace")
    account_mails(brevo_sandbox)
    response = buy("ada@example.com", name="Mallory", key="k2")
    assert len(account_mails(brevo_sandbox)) == 1
    assert "Lovelace" not in response.text
    assert "sessionid" not in response.cookies and not Browser().is_logged_in()
    assert Customer.objects.get().name == "Ada Lovelace"


def test_a_purchase_with_an_address_of_staff_gives_no_login(coffee: Any, brevo_sandbox: BrevoSandbox) -> None:
    boss = User.objects.create_user("boss@example.com", "a long enough password", is_staff=True)
    assert buy("boss@example.com").status_code == 201
    assert account_mails(brevo_sandbox) == []
    assert Customer.objects.get().user is None
    boss.refresh_from_db()
    assert boss.check_password("a long enough password")


@pytest.mark.parametrize(("locale", "words"), [("de", "Ihr Konto ist bereit"), ("fr", "Votre compte est prêt")])
def test_the_mail_is_in_the_customers_language(
    coffee: Any, brevo_sandbox: BrevoSandbox, locale: str, words: str
) -> None:
    buy("ada@example.com")
    Customer.objects.update(locale=locale)
    [mail] = account_mails(brevo_sandbox)
    assert words in mail["htmlContent"] and words in mail["textContent"]
