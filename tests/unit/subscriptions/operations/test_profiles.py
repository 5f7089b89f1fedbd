from __future__ import annotations

from uuid import uuid4

import pytest

from subscriptions.operations import profiles
from subscriptions.queries import CustomerNotFound
from tests.support.concurrency import errors_at_once
from tests.support.deliveries import published
from tests.support.factories import make_customer


def test_fields_that_are_not_given_stay(db: None) -> None:
    ann = make_customer()
    changed = profiles.update_profile(customer_id=ann.pk, changes={"name": "Ann Brown"})
    assert (changed.name, changed.phone, changed.sms_consent) == ("Ann Brown", "+4915112345678", True)


def test_other_fields_cannot_be_changed(db: None) -> None:
    ann = make_customer()
    profiles.update_profile(customer_id=ann.pk, changes={"email": "x@example.com", "user_id": uuid4()})
    ann.refresh_from_db()
    assert ann.email == "Ann.Lee@example.com" and ann.user_id is None
    assert published()["CustomerUpdated"] == 0


def test_two_changes_at_once_both_count(transactional_db: None) -> None:
    ann = make_customer()
    errors = errors_at_once(
        lambda: profiles.update_profile(customer_id=ann.pk, changes={"name": "Ann Brown"}),
        lambda: profiles.update_profile(customer_id=ann.pk, changes={"locale": "de"}),
    )
    ann.refresh_from_db()
    assert (errors, ann.name, ann.locale) == ([], "Ann Brown", "de")


def test_an_unknown_customer_is_an_error(db: None) -> None:
    with pytest.raises(CustomerNotFound):
        profiles.update_profile(customer_id=uuid4(), changes={})
