"""A customer gets a login once, however often and by how many workers it is created."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session

from subscriptions.models import Customer, User
from subscriptions.operations import logins
from subscriptions.queries import CustomerNotFound
from tests.support.concurrency import at_once
from tests.support.deliveries import published
from tests.support.factories import make_customer


def test_a_customer_gets_a_login_without_a_password(db: None) -> None:
    ada = make_customer(email="Ada@Example.com")
    assert logins.create_login(customer_id=ada.pk)
    ada.refresh_from_db()
    assert ada.user is not None
    assert ada.user.email == "ada@example.com"
    assert not ada.user.has_usable_password() and not ada.user.is_staff


def test_a_second_delivery_changes_nothing(db: None) -> None:
    ada = make_customer()
    logins.create_login(customer_id=ada.pk)
    first = User.objects.get()
    assert not logins.create_login(customer_id=ada.pk)
    assert User.objects.get() == first


def test_three_deliveries_at_once_create_one_login(transactional_db: None) -> None:
    ada = make_customer()
    results = at_once(lambda: logins.create_login(customer_id=ada.pk), times=3)
    assert sorted(results) == [False, False, True]
    assert Customer.objects.get().user == User.objects.get()


@pytest.mark.parametrize("right", [{"is_staff": True}, {"is_superuser": True}])
def test_a_customer_never_gets_a_login_of_staff(db: None, right: dict[str, bool]) -> None:
    """A purchase does not prove that the buyer owns the address."""
    staff = User.objects.create_user("ada@example.com", "a long enough password", **right)
    ada = make_customer(email="Ada@Example.com")

    assert not logins.create_login(customer_id=ada.pk)

    staff.refresh_from_db()
    assert staff.check_password("a long enough password") and staff.has_authority
    assert Customer.objects.get().user is None
    assert published()["LoginCreated"] == 0


def test_a_login_of_nobody_becomes_the_customers(db: None) -> None:
    login = User.objects.create_user("ada@example.com")
    ada = make_customer(email="ada@example.com")
    assert logins.create_login(customer_id=ada.pk)
    assert Customer.objects.get().user == login


def test_a_new_login_is_announced_once(db: None) -> None:
    ada = make_customer()
    logins.create_login(customer_id=ada.pk)
    logins.create_login(customer_id=ada.pk)
    assert published()["LoginCreated"] == 1


def test_logging_out_everywhere_changes_what_sessions_must_agree_with(db: None, now: dt.datetime) -> None:
    login = User.objects.create_user("ada@example.com", "a long enough password")
    before = login.get_session_auth_hash()
    logins.log_out_everywhere(user_id=login.pk, at=now)
    login.refresh_from_db()
    assert login.get_session_auth_hash() != before
    assert login.check_password("a long enough password")


def test_expired_sessions_are_deleted(db: None, now: dt.datetime) -> None:
    for key, seconds in [("gone", 0), ("kept", 1)]:
        Session.objects.create(session_key=key, session_data="", expire_date=now + dt.timedelta(seconds=seconds))
    assert logins.purge_sessions(at=now) == 1
    assert Session.objects.get().session_key == "kept"


def test_an_unknown_customer_is_a_permanent_error(db: None) -> None:
    with pytest.raises(CustomerNotFound):
        logins.create_login(customer_id=uuid4())
