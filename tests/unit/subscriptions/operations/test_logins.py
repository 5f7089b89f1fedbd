"""A customer gets a login once, however often and by how many workers it is created."""

from __future__ import annotations

from uuid import uuid4

import pytest

from subscriptions.models import Customer, User
from subscriptions.operations import logins
from subscriptions.queries import CustomerNotFound
from tests.support.concurrency import at_once
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


def test_a_member_of_staff_who_buys_keeps_password_and_permissions(db: None) -> None:
    staff = User.objects.create_user("ada@example.com", "a long enough password", is_staff=True)
    ada = make_customer(email="Ada@Example.com")
    logins.create_login(customer_id=ada.pk)
    staff.refresh_from_db()
    assert staff.is_staff and staff.check_password("a long enough password")
    assert Customer.objects.get().user_id == staff.pk


def test_an_unknown_customer_is_a_permanent_error(db: None) -> None:
    with pytest.raises(CustomerNotFound):
        logins.create_login(customer_id=uuid4())
