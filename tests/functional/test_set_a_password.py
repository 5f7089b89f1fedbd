"""A customer sets a password, and logs in with it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.utils import timezone

from subscriptions.models import AttemptCount, Customer, User
from tests.support.accounts import Browser, code_in, customer_with_login, deliver
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


def set_password(browser: Browser, password: str = PASSWORD) -> Any:
    return browser.call("put", "auth/password/", {"password": password})


def log_in(email: str, password: str = PASSWORD, *, network: str = "192.0.2.1") -> Any:
    browser = Browser(network=network).start()
    return browser.post("auth/password-login/", {"email": email, "password": password})


@pytest.fixture
def with_password(ann: Customer) -> Customer:
    assert set_password(Browser().log_in(ann)).status_code == 200
    return ann


def test_a_customer_sets_a_password_and_logs_in_with_it(ann: Customer, brevo_sandbox: BrevoSandbox) -> None:
    browser = Browser().log_in(ann)
    assert set_password(browser).status_code == 200
    assert browser.is_logged_in()
    deliver()
    assert "Your password was changed" in brevo_sandbox.records("mails")[0]["textContent"]

    response = log_in("ANN.Lee@example.com")
    assert (response.status_code, response.json()["customer"]) == (200, str(ann.pk))


def test_setting_a_password_ends_other_sessions_and_login_mails(ann: Customer, brevo_sandbox: BrevoSandbox) -> None:
    other, asking = Browser().log_in(ann), Browser()
    asking.ask(ann.email)
    deliver()
    set_password(Browser().log_in(ann))
    assert not other.is_logged_in()
    assert asking.post("auth/code/", {"code": code_in(brevo_sandbox.records("mails")[0])}).status_code == 422


def test_an_old_login_sets_no_password(ann: Customer) -> None:
    browser = Browser().log_in(ann)
    browser.logged_in_since(timezone.now() - dt.timedelta(minutes=15))
    assert set_password(browser).status_code == 403
    assert not User.objects.get().has_usable_password()


@pytest.mark.parametrize("password", ["short", "password123456", "ann.lee@example.com"])
def test_a_weak_password_is_refused_with_the_reason(ann: Customer, password: str) -> None:
    response = set_password(Browser().log_in(ann), password)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "password"


def test_only_the_customer_can_set_a_password(ann: Customer) -> None:
    assert set_password(Browser().start()).status_code == 403
    staff = Browser()
    staff.http.force_login(User.objects.create_superuser("staff@example.com"))
    assert set_password(staff.start()).status_code == 403


def test_wrong_addresses_and_passwords_look_the_same(with_password: Customer) -> None:
    User.objects.create_user("boss@example.com", PASSWORD, is_staff=True)
    User.objects.create_user("nobody@example.com", PASSWORD)
    customer_with_login(email="none@example.com", name="None")
    answers = {
        log_in(*who).content
        for who in [
            (with_password.email, "wrong horse battery"),
            ("unknown@example.com",),
            ("none@example.com",),
            ("boss@example.com",),
            ("nobody@example.com",),
        ]
    }
    assert len(answers) == 1
    assert b"The address or the password is wrong." in next(iter(answers))


@pytest.mark.parametrize("email", ["unknown@example.com", "none@example.com", "Ann.Lee@example.com"])
def test_every_address_costs_one_hash(
    with_password: Customer, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the time does not tell which addresses have a password."""
    customer_with_login(email="none@example.com", name="None")
    hashes = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *a, **k: hashes.append(1) or encode(self, *a, **k))
    assert log_in(email, "wrong horse battery").status_code == 422
    assert len(hashes) == 1


def test_guesses_are_limited_by_address_over_all_networks(with_password: Customer, settings: Any) -> None:
    settings.LOGIN_ATTEMPT_LIMIT = "3/day"
    answers = [log_in(with_password.email, f"guess {n}", network=f"192.0.2.{n}").status_code for n in range(4)]
    assert answers == [422, 422, 422, 429]
    assert log_in(with_password.email, network="192.0.2.9").status_code == 429
    unknown = [log_in("unknown@example.com", "guess", network=f"192.0.2.{n}").status_code for n in range(4)]
    assert unknown == answers


def test_guesses_are_limited_by_network_over_all_addresses(with_password: Customer, settings: Any) -> None:
    settings.LOGIN_NETWORK_LIMIT = "3/hour"
    answers = [log_in(f"guess-{number}@example.com", "guess").status_code for number in range(4)]
    assert answers == [422, 422, 422, 429]
    assert log_in(with_password.email, network="192.0.2.9").status_code == 200


def test_successful_logins_do_not_use_up_the_limit(with_password: Customer, settings: Any) -> None:
    settings.LOGIN_ATTEMPT_LIMIT = settings.LOGIN_NETWORK_LIMIT = "2/day"
    assert [log_in(with_password.email).status_code for _ in range(4)] == [200] * 4
    assert set(AttemptCount.objects.values_list("count", flat=True)) == {0}


def test_logging_out_everywhere_keeps_the_password(with_password: Customer) -> None:
    browser = Browser().log_in(Customer.objects.get())
    assert browser.post("auth/logout-everywhere/").status_code == 204
    assert log_in(with_password.email).status_code == 200
