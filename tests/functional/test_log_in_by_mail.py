"""Only the customer can log in with the link or the code of a mail."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from notifications.models import Notification
from subscriptions.models import AttemptCount, Customer, LoginRequest, User
from tests.support.accounts import Browser, code_in, customer_with_login, deliver, token_in
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def browser(ann: Customer) -> Browser:
    return Browser()


def mail(brevo: BrevoSandbox) -> dict[str, Any]:
    """The newest mail, after the work of the EmailsQueue."""
    deliver()
    return dict(brevo.records("mails")[0])


def passes(minutes: int) -> None:
    """Let this time pass for each request and its link."""
    ago = dt.timedelta(minutes=minutes)
    for request in LoginRequest.objects.all():
        LoginRequest.objects.filter(pk=request.pk).update(expires_at=request.expires_at - ago)


def test_the_link_logs_in_the_browser_that_asked(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    assert browser.ask("ANN.lee@example.com").status_code == 202
    received = mail(brevo_sandbox)
    assert received["to"] == [{"email": "Ann.Lee@example.com", "name": "Ann Lee"}]

    response = browser.post("auth/link/", {"token": token_in(received)})

    assert (response.status_code, response.json()["customer"]) == (200, str(ann.pk))
    assert browser.get("me/").json()["email"] == "Ann.Lee@example.com"
    assert "login_browser" not in browser.http.cookies or not browser.http.cookies["login_browser"].value


def test_the_code_logs_in_the_browser_that_asked(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    browser.ask(ann.email)
    assert browser.post("auth/code/", {"code": code_in(mail(brevo_sandbox))}).status_code == 200
    assert browser.is_logged_in()


def test_get_head_and_post_without_cookie_leave_the_link_alive(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    """emdash-cms/emdash#3298: a mail scanner opened the link, and got the session."""
    browser.ask(ann.email)
    token = token_in(mail(brevo_sandbox))
    scanner = Browser(network="198.51.100.7").start()
    page = f"/login/{token}/"

    assert scanner.http.get(page).status_code == 200
    assert scanner.http.head(page).status_code == 200
    assert scanner.post("auth/link/", {"token": token}).status_code == 409
    pressed = scanner.http.post(page, {"csrfmiddlewaretoken": scanner.csrf})
    assert (pressed.status_code, "Enter the code" in pressed.text) == (409, True)

    assert Session.objects.count() == 0
    assert browser.post("auth/link/", {"token": token}).status_code == 200


def test_another_browser_logs_in_with_link_and_code(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    browser.ask(ann.email)
    received = mail(brevo_sandbox)
    phone = Browser().start()

    response = phone.post("auth/link/", {"token": token_in(received), "code": code_in(received)})

    assert response.status_code == 200
    assert phone.is_logged_in() and not browser.is_logged_in()


def test_the_code_alone_is_no_use_in_another_browser(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    browser.ask(ann.email)
    assert Browser().start().post("auth/code/", {"code": code_in(mail(brevo_sandbox))}).status_code == 422


@pytest.mark.parametrize("use_code", [False, True])
def test_a_mail_logs_in_once(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, use_code: bool) -> None:
    browser.ask(ann.email)
    received = mail(brevo_sandbox)
    body = {"code": code_in(received)} if use_code else {"token": token_in(received)}
    path = "auth/code/" if use_code else "auth/link/"
    cookie = browser.http.cookies["login_browser"].value
    assert browser.post(path, body).status_code == 200

    browser.http.cookies["login_browser"] = cookie
    assert browser.post(path, body).status_code == 422
    assert browser.post("auth/link/", {"token": token_in(received), "code": code_in(received)}).status_code == 422


def test_a_login_ends_the_other_mails(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    browser.ask(ann.email)
    first = mail(brevo_sandbox)
    browser.ask(ann.email)
    second = mail(brevo_sandbox)
    assert browser.post("auth/code/", {"code": code_in(first)}).status_code == 200

    response = Browser().start().post("auth/link/", {"token": token_in(second), "code": code_in(second)})
    assert response.status_code == 422


def test_a_mail_ends_after_15_minutes(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    browser.ask(ann.email)
    received = mail(brevo_sandbox)
    passes(minutes=15)
    assert browser.post("auth/code/", {"code": code_in(received)}).status_code == 422
    link = {"token": token_in(received), "code": code_in(received)}
    assert browser.post("auth/link/", link).status_code == 422
    assert not browser.is_logged_in()


def test_a_late_message_sends_no_mail(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    browser.ask(ann.email)
    passes(minutes=15)
    deliver()
    assert brevo_sandbox.records("mails") == []


def test_a_second_delivery_sends_no_second_mail(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    browser.ask(ann.email)
    row = OutboxMessage.objects.get()
    deliver()
    row.save(force_insert=True)
    deliver()
    assert len(brevo_sandbox.records("mails")) == 1


def test_asking_tells_nothing_about_the_address(
    ann: Customer, brevo_sandbox: BrevoSandbox
) -> None:
    """The same answer, the same rows, the same number of queries."""
    User.objects.create_user("boss@example.com", is_staff=True)
    seen = []
    for number, address in enumerate([ann.email, "nobody@example.com", "boss@example.com"]):
        before = (LoginRequest.objects.count(), OutboxMessage.objects.count(), AttemptCount.objects.count())
        browser = Browser(network=f"192.0.2.{number}").start()
        with CaptureQueriesContext(connection) as queries:
            response = browser.post("auth/login-mail/", {"email": address})
        after = (LoginRequest.objects.count(), OutboxMessage.objects.count(), AttemptCount.objects.count())
        rows = tuple(now - then for now, then in zip(after, before, strict=True))
        seen.append((response.status_code, response.content, sorted(response.cookies), rows, len(queries)))
    assert seen[0][3] == (1, 1, 2)
    assert seen == [seen[0]] * 3
    deliver()
    assert [one["to"][0]["email"] for one in brevo_sandbox.records("mails")] == [ann.email]


@pytest.mark.parametrize("right", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_staff_and_inactive_logins_get_no_mail_and_no_login(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, right: dict[str, bool]
) -> None:
    browser.ask(ann.email)
    received = mail(brevo_sandbox)
    User.objects.update(**right)

    assert browser.post("auth/link/", {"token": token_in(received)}).status_code == 422
    assert browser.post("auth/code/", {"code": code_in(received)}).status_code == 422
    browser.ask(ann.email)
    deliver()
    assert len(brevo_sandbox.records("mails")) == 1


def test_a_login_that_becomes_staff_loses_its_session(ann: Customer, browser: Browser) -> None:
    browser.log_in(ann)
    User.objects.update(is_staff=True)
    assert browser.get("me/").status_code == 401


@pytest.mark.parametrize("path", ["login-mail", "link", "code", "password-login", "logout"])
def test_every_step_needs_a_csrf_token(ann: Customer, path: str) -> None:
    """DRF itself checks the token only in sessions that are logged in (5monkeys/django-bananas#49)."""
    body = {"email": ann.email, "token": "t", "code": "123456", "password": "x"}
    response = Client(enforce_csrf_checks=True).post(f"/api/v1/auth/{path}/", body, content_type="application/json")
    assert response.status_code == 403
    assert LoginRequest.objects.count() == 0


def test_five_wrong_codes_end_the_mail(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    browser.ask(ann.email)
    received = mail(brevo_sandbox)
    wrong = f"{(int(code_in(received)) + 1) % 1_000_000:06}"
    for _ in range(5):
        assert browser.post("auth/code/", {"code": wrong}).status_code == 422
    assert browser.post("auth/code/", {"code": code_in(received)}).status_code == 422
    assert browser.post("auth/link/", {"token": token_in(received)}).status_code == 409


def test_codes_are_limited_over_all_mails_of_an_address(
    ann: Customer, brevo_sandbox: BrevoSandbox, settings: Any
) -> None:
    """Asking again, in other browsers and from other networks, gives no further guesses."""
    settings.LOGIN_ATTEMPT_LIMIT = "3/day"
    answers = []
    for number in range(4):
        browser = Browser(network=f"192.0.2.{number}")
        browser.ask(ann.email)
        deliver()
        answers.append(browser.post("auth/code/", {"code": "000000"}))
    assert [answer.status_code for answer in answers] == [422, 422, 422, 429]
    assert 86_000 < int(answers[-1].headers["Retry-After"]) <= 86_400


def test_the_link_still_works_when_the_guesses_are_used_up(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, settings: Any
) -> None:
    """So a stranger who guesses cannot lock a customer out."""
    settings.LOGIN_ATTEMPT_LIMIT = "1/day"
    stranger = Browser(network="198.51.100.7")
    stranger.ask(ann.email)
    for _ in range(2):
        stranger.post("auth/code/", {"code": "000000"})
    browser.ask(ann.email)
    assert browser.post("auth/link/", {"token": token_in(mail(brevo_sandbox))}).status_code == 200


def test_mails_to_an_address_are_limited(ann: Customer, settings: Any) -> None:
    settings.LOGIN_MAIL_LIMIT = "2/hour"
    answers = [Browser(network=f"192.0.2.{number}").ask(ann.email).status_code for number in range(3)]
    unknown = [Browser(network=f"192.0.2.{number}").ask("nobody@example.com").status_code for number in range(3)]
    assert answers == unknown == [202, 202, 429]
    assert OutboxMessage.objects.count() == 4


def test_mails_from_a_network_are_limited(ann: Customer, settings: Any) -> None:
    settings.LOGIN_NETWORK_LIMIT = "2/hour"
    networks = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"]  # one /64
    answers = [Browser(network=name).ask(f"{name.count(':')}-{i}@example.com") for i, name in enumerate(networks)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert AttemptCount.objects.filter(scope="mail_to_address").count() == 2  # the third address made no row


def test_the_link_and_the_code_are_stored_and_logged_nowhere(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser.ask(ann.email)
    messages = [str(row.kwargs) + str(row.headers) for row in OutboxMessage.objects.all()]
    received = mail(brevo_sandbox)
    token, code = token_in(received), code_in(received)
    browser.post("auth/link/", {"token": token})

    models = (LoginRequest, Notification, AttemptCount, Session, User)
    stored = [str(vars(row)) for model in models for row in model.objects.all()]
    signed = token.partition(".")[2]
    cookie = browser.http.cookies
    assert len(stored) >= 5 and len(messages) == 1
    for text in [*stored, *messages]:
        assert signed not in text and f"'{code}'" not in text
        assert ann.email.lower() not in text.lower() or "email" in text  # a row that must hold the address
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("http", "django.db"))]
    assert not [line for line in ours if signed in line]
    assert cookie["sessionid"].value


def test_logging_out_everywhere_ends_all_sessions_and_mails(
    ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox
) -> None:
    other = Browser().log_in(ann)
    browser.ask(ann.email)
    received = mail(brevo_sandbox)

    assert other.post("auth/logout-everywhere/").status_code == 204

    assert not other.is_logged_in()
    assert browser.post("auth/link/", {"token": token_in(received), "code": code_in(received)}).status_code == 422
    assert Browser().log_in(Customer.objects.get()).is_logged_in()


def test_logging_out_ends_this_session_only(ann: Customer, browser: Browser) -> None:
    other = Browser().log_in(ann)
    browser.log_in(ann)
    assert browser.post("auth/logout/").status_code == 204
    assert not browser.is_logged_in() and other.is_logged_in()


def test_the_pages_log_in_without_a_front_end(ann: Customer, brevo_sandbox: BrevoSandbox) -> None:
    http = Client()
    assert "Send me a link and a code" in http.get("/login/").text
    assert "Check your e-mail" in http.post("/login/", {"email": ann.email}).text
    deliver()
    received = brevo_sandbox.records("mails")[0]
    page = http.get(f"/login/{token_in(received)}/")
    assert 'data-state="link"' in page.text
    assert page.headers["Referrer-Policy"] == "same-origin" and page.headers["Cache-Control"] == "no-store"
    assert "You are logged in" in http.post(f"/login/{token_in(received)}/").text
    assert http.get("/api/v1/me/").status_code == 200


def test_the_code_page_logs_in(ann: Customer, brevo_sandbox: BrevoSandbox) -> None:
    http = Client()
    http.post("/login/", {"email": ann.email})
    deliver()
    assert http.post("/login/code/", {"code": "not it"}).status_code == 422
    assert "You are logged in" in http.post("/login/code/", {"code": code_in(brevo_sandbox.records("mails")[0])}).text


@pytest.mark.parametrize("email", ["", "x", "a@b", "a@example.com\nBcc: c@example.com"])
def test_the_page_rejects_an_invalid_address(transactional_db: None, email: str) -> None:
    assert Client().post("/login/", {"email": email}).status_code == 422
    assert LoginRequest.objects.count() == 0


def test_the_session_begins_with_a_new_key(ann: Customer, browser: Browser, brevo_sandbox: BrevoSandbox) -> None:
    """A session key that an attacker planted before the login is not taken over."""
    browser.http.cookies["sessionid"] = "planted"
    browser.ask(ann.email)
    assert browser.post("auth/code/", {"code": code_in(mail(brevo_sandbox))}).status_code == 200
    assert browser.http.cookies["sessionid"].value != "planted"
    assert Session.objects.get().expire_date > timezone.now()
