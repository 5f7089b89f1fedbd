"""A customer changes the address: the new one is confirmed, the old one warned, and kept until then."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from notifications.models import Notification
from subscriptions import login_tokens
from subscriptions.models import Customer, EmailChange, User
from tests.support.accounts import Browser, code_in, customer_with_login, deliver, token_in
from tests.support.concurrency import at_once
from tests.support.factories import make_customer
from tests.support.sandboxes import BrevoSandbox, StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "ann@new.example.com"


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def browser(ann: Customer) -> Browser:
    return Browser().log_in(ann)


def change(browser: Browser, email: str = NEW) -> Any:
    return browser.post("me/email/", {"email": email})


def confirm(browser: Browser) -> Any:
    newest = EmailChange.objects.latest("requested_at")
    return browser.post("me/email/confirm/", {"token": login_tokens.email_change_token(change_id=newest.pk)})


def mails(brevo: BrevoSandbox) -> dict[str, Any]:
    """The mails of the EmailsQueue, by their kind."""
    deliver()
    return {mail["tags"][0]: mail for mail in brevo.records("mails")}


def test_the_new_address_counts_after_it_is_confirmed(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    assert change(browser).status_code == 202
    sent = mails(brevo_sandbox)
    assert sent["email_change_confirmation"]["to"] == [{"email": NEW}]
    assert sent["email_change_notice"]["to"] == [{"email": "Ann.Lee@example.com", "name": "Ann Lee"}]
    assert Customer.objects.get().email == "Ann.Lee@example.com"

    response = browser.post("me/email/confirm/", {"token": token_in(sent["email_change_confirmation"])})

    assert response.json()["email"] == NEW
    customer = Customer.objects.get()
    assert (customer.email, customer.email_key, User.objects.get().email) == (NEW, NEW, NEW)
    assert browser.is_logged_in()
    assert mails(brevo_sandbox)["email_changed"]["to"][0]["email"] == "Ann.Lee@example.com"


def test_the_mail_to_the_new_address_contains_no_name(browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    """Nobody has proved yet to own the address."""
    change(browser)
    text = mails(brevo_sandbox)["email_change_confirmation"]
    assert "Ann" not in text["textContent"] + text["htmlContent"] + text["subject"]


def test_links_and_codes_to_the_old_address_end_with_the_change(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    """decred/dcrstakepool#320: a link outlived the address."""
    other = Browser()
    other.ask(ann.email)
    old = mails(brevo_sandbox)["login_mail"]
    change(browser)
    assert confirm(browser).status_code == 200

    assert other.post("auth/link/", {"token": token_in(old)}).status_code == 422
    assert other.post("auth/code/", {"code": code_in(old)}).status_code == 422
    assert Browser().start().post("auth/link/", {"token": token_in(old), "code": code_in(old)}).status_code == 422
    other.ask(ann.email)
    deliver()
    assert len([mail for mail in brevo_sandbox.records("mails") if mail["tags"] == ["login_mail"]]) == 1
    other.ask(NEW)
    deliver()
    assert brevo_sandbox.records("mails")[0]["to"][0]["email"] == NEW


def test_an_old_login_changes_no_address(browser: Browser) -> None:
    """haileyok/cocoon#139: a stolen session must not take the account over."""
    browser.logged_in_since(timezone.now() - dt.timedelta(minutes=15))
    assert change(browser).status_code == 403
    assert EmailChange.objects.count() == 0


def test_a_session_of_unknown_age_changes_no_address(ann: Customer) -> None:
    browser = Browser()
    browser.http.force_login(ann.user, backend="subscriptions.backends.CustomerBackend")
    assert change(browser.start()).status_code == 403


def test_the_answer_does_not_tell_that_an_address_is_taken(browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    make_customer(email="bob@example.com", name="Bob")
    free, taken = change(browser), change(browser, "BOB@example.com")
    assert (free.status_code, free.content) == (taken.status_code, taken.content) == (202, b"")
    deliver()
    assert {mail["to"][0]["email"] for mail in brevo_sandbox.records("mails")} == {"Ann.Lee@example.com"}
    skipped = Notification.objects.get(kind="email_change_confirmation")
    assert (skipped.status, skipped.error_code) == ("skipped", "address_taken")
    assert confirm(browser).status_code == 409


def test_an_address_of_staff_is_taken(browser: Browser) -> None:
    User.objects.create_user("boss@example.com", is_staff=True)
    change(browser, "boss@example.com")
    assert confirm(browser).status_code == 409
    assert Customer.objects.get().email == "Ann.Lee@example.com"


def test_two_customers_who_confirm_one_address_at_once_do_not_share_it(ann: Customer, browser: Browser) -> None:
    bob = customer_with_login(email="bob@example.com", name="Bob")
    other = Browser().log_in(bob)
    change(browser)
    mine = EmailChange.objects.get()
    change(other)
    theirs = EmailChange.objects.exclude(pk=mine.pk).get()
    callers = iter([(browser, mine), (other, theirs)])

    def act() -> int:
        caller, row = next(callers)
        token = login_tokens.email_change_token(change_id=row.pk)
        return int(caller.post("me/email/confirm/", {"token": token}).status_code)

    assert sorted(at_once(act, times=2)) == [200, 409]
    assert Customer.objects.filter(email_key=NEW).count() == User.objects.filter(email=NEW).count() == 1


def test_another_customer_cannot_confirm(ann: Customer, browser: Browser) -> None:
    change(browser)
    bob = Browser().log_in(customer_with_login(email="bob@example.com", name="Bob"))
    assert confirm(bob).status_code == 422
    assert confirm(browser).status_code == 200


def test_a_newer_change_replaces_an_older_one(browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    change(browser, "typo@exmaple.com")
    first = token_in(mails(brevo_sandbox)["email_change_confirmation"])
    change(browser)
    assert browser.post("me/email/confirm/", {"token": first}).status_code == 422
    assert confirm(browser).status_code == 200


def test_a_change_ends_after_a_day(browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    change(browser)
    EmailChange.objects.update(expires_at=timezone.now())
    assert confirm(browser).status_code == 422
    deliver()
    assert brevo_sandbox.records("mails") == []


def test_a_change_is_confirmed_once(browser: Browser) -> None:
    change(browser)
    assert [confirm(browser).status_code for _ in range(2)] == [200, 422]


@pytest.mark.parametrize("token", ["x", "", login_tokens.email_change_token.__name__, "a:b:c"])
def test_a_forged_token_confirms_nothing(browser: Browser, token: str) -> None:
    change(browser)
    assert browser.post("me/email/confirm/", {"token": token}).status_code in (400, 422)


def test_a_scanner_confirms_nothing(browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    """It opens the link and presses the button, but it is not logged in."""
    change(browser)
    page = f"/login/email/{token_in(mails(brevo_sandbox)['email_change_confirmation'])}/"
    scanner = Client()
    assert "Please log in first" in scanner.get(page).text
    assert "Please log in first" in scanner.post(page).text
    assert Customer.objects.get().email == "Ann.Lee@example.com"

    assert "Confirm this address" in browser.http.get(page).text
    pressed = browser.http.post(page, {"csrfmiddlewaretoken": browser.csrf})
    assert "Your new address is confirmed" in pressed.text
    assert Customer.objects.get().email == NEW


def test_the_change_reaches_brevo_and_dixa(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    browser.call("patch", "me/", {"locale": "de"})
    deliver("BrevoQueue"), deliver("DixaQueue")
    change(browser)
    confirm(browser)
    deliver("BrevoQueue"), deliver("DixaQueue")
    assert [contact["email"] for contact in brevo_sandbox.records("contacts")] == [NEW]
    assert NEW in str(brevo_sandbox.records("endusers"))


def test_the_change_reaches_stripe(ann: Customer, browser: Browser, stripe_sandbox: StripeSandbox) -> None:
    browser.post("me/payment-methods/", {"payment_method": "pm_card_visa"})
    deliver("ChargesQueue")
    change(browser)
    confirm(browser)
    browser.call("patch", "me/", {"name": "Ann Brown"})
    late = OutboxMessage.objects.filter(task="charges.update_stripe_customer").latest("pk")
    assert deliver("ChargesQueue") == ["charges.update_stripe_customer"] * 2
    late.save(force_insert=True)
    deliver("ChargesQueue")
    [customer] = stripe_sandbox.objects("customers")
    assert (customer["email"], customer["name"]) == (NEW, "Ann Brown")


def test_messages_carry_no_address(browser: Browser) -> None:
    change(browser)
    confirm(browser)
    assert NEW not in str([(row.kwargs, row.headers) for row in OutboxMessage.objects.all()])
