from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from subscriptions.models import User
from subscriptions.operations import passwords
from subscriptions.operations.login_requests import UnableToLogIn
from tests.support.accounts import customer_with_login
from tests.support.deliveries import published

PASSWORD = "correct horse battery"


def log_in(now: dt.datetime, password: str = PASSWORD) -> User:
    return passwords.log_in_by_password(
        email="Ann.Lee@example.com", password=password, network="192.0.2.1", at=now
    )


@pytest.fixture
def login(db: None) -> User:
    login = customer_with_login().user
    assert login is not None
    return login


def test_a_password_that_was_set_logs_in(login: User, now: dt.datetime) -> None:
    passwords.set_password(user_id=login.pk, password=PASSWORD, at=now)
    assert log_in(now) == login
    assert published()["PasswordChanged"] == 1


@pytest.mark.parametrize("password", ["", " ", "wrong", PASSWORD.upper()])
def test_another_password_does_not(login: User, now: dt.datetime, password: str) -> None:
    passwords.set_password(user_id=login.pk, password=PASSWORD, at=now)
    with pytest.raises(UnableToLogIn):
        log_in(now, password)


@pytest.mark.parametrize("right", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_neither_staff_nor_an_inactive_login(login: User, now: dt.datetime, right: dict[str, bool]) -> None:
    passwords.set_password(user_id=login.pk, password=PASSWORD, at=now)
    User.objects.update(**right)
    with pytest.raises(UnableToLogIn):
        log_in(now)


@pytest.mark.parametrize("password", ["", "short", "password1234", "ann.lee@example.com"])
def test_a_weak_password_is_not_set(login: User, now: dt.datetime, password: str) -> None:
    with pytest.raises(ValidationError):
        passwords.set_password(user_id=login.pk, password=password, at=now)
    login.refresh_from_db()
    assert not login.has_usable_password()
