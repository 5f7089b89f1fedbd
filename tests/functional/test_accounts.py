"""A customer gets a login, once, whoever asks and however often."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection

from subscriptions.email_addresses import email_key
from subscriptions.models import Customer, User
from subscriptions.operations import logins
from subscriptions.queries import CustomerNotFound


def customer(email: str = "Ada@Example.com") -> Customer:
    return Customer.objects.create(email=email, email_key=email_key(email), name="Ada")


def test_a_customer_gets_a_login_without_a_password(transactional_db: None) -> None:
    ada = customer()
    assert logins.create_login(customer_id=ada.pk)
    ada.refresh_from_db()
    assert ada.user is not None
    assert ada.user.email == "ada@example.com"
    assert not ada.user.has_usable_password() and not ada.user.is_staff


def test_asked_again_nothing_happens(transactional_db: None) -> None:
    ada = customer()
    logins.create_login(customer_id=ada.pk)
    assert not logins.create_login(customer_id=ada.pk)
    assert User.objects.count() == 1


def test_asked_three_times_at_once_there_is_one_login(transactional_db: None) -> None:
    ada = customer()

    def ask() -> None:
        logins.create_login(customer_id=ada.pk)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.count() == 1


def test_staff_who_buy_keep_their_login_and_its_rights(transactional_db: None) -> None:
    staff = User.objects.create_user("ada@example.com", "a long enough password", is_staff=True)
    ada = customer()
    logins.create_login(customer_id=ada.pk)
    staff.refresh_from_db()
    assert staff.is_staff and staff.check_password("a long enough password")
    assert Customer.objects.get().user_id == staff.pk


def test_nobody_is_nobody(transactional_db: None) -> None:
    with pytest.raises(CustomerNotFound):
        logins.create_login(customer_id=uuid4())
