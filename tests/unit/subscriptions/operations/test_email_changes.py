from __future__ import annotations

import datetime as dt

import pytest

from subscriptions import login_tokens
from subscriptions.models import Customer, EmailChange
from subscriptions.operations import email_changes
from subscriptions.operations.email_changes import UnableToConfirm
from tests.support.accounts import customer_with_login
from tests.support.concurrency import errors_at_once
from tests.support.deliveries import published
from tests.support.factories import make_customer

NEW = "Ann@New.example.com"


def request(customer: Customer, at: dt.datetime, email: str = NEW) -> EmailChange:
    return email_changes.request_email_change(customer_id=customer.pk, email=email, at=at)


def confirm(change: EmailChange, at: dt.datetime) -> Customer:
    token = login_tokens.email_change_token(change_id=change.pk)
    return email_changes.confirm_email_change(token=token, customer_id=change.customer_id, at=at)


def test_a_customer_without_a_login_can_change_the_address(db: None, now: dt.datetime) -> None:
    ann = make_customer()
    changed = confirm(request(ann, now), now)
    assert (changed.email, changed.email_key) == (NEW, NEW.lower())


def test_the_same_address_in_another_spelling_is_a_change(db: None, now: dt.datetime) -> None:
    ann = customer_with_login()
    assert confirm(request(ann, now, "ANN.LEE@example.com"), now).email == "ANN.LEE@example.com"


def test_a_change_works_for_a_day(db: None, now: dt.datetime) -> None:
    change = request(make_customer(), now)
    with pytest.raises(UnableToConfirm):
        confirm(change, now + dt.timedelta(days=1))
    assert confirm(change, now + dt.timedelta(hours=23, minutes=59)).email == NEW


def test_three_requests_at_once_leave_one_open(transactional_db: None, now: dt.datetime) -> None:
    ann = make_customer()
    assert errors_at_once(lambda: request(ann, now), times=3) == []
    assert EmailChange.objects.filter(canceled_at=None).count() == 1


def test_three_confirmations_at_once_are_one_change(transactional_db: None, now: dt.datetime) -> None:
    change = request(customer_with_login(), now)
    errors = errors_at_once(lambda: confirm(change, now), times=3)
    assert [type(error) for error in errors] == [UnableToConfirm] * 2
    assert published()["EmailChanged"] == published()["CustomerUpdated"] == 1


def test_old_changes_are_deleted(db: None, now: dt.datetime) -> None:
    request(make_customer(), now - dt.timedelta(days=31))
    kept = request(make_customer(email="bob@example.com"), now - dt.timedelta(days=30))
    assert email_changes.purge_email_changes(at=now) == 1
    assert EmailChange.objects.get() == kept
