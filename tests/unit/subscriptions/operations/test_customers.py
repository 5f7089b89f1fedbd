"""The first purchase with an address registers a customer; later ones find the same customer."""

from __future__ import annotations

from typing import Any

import pytest

from subscriptions.models import Customer
from subscriptions.operations.customers import Buyer, find_or_register_customer
from tests.support.concurrency import at_once
from tests.support.deliveries import published


def buyer(email: str = "Ada@Example.com", **fields: Any) -> Buyer:
    return Buyer(**{"email": email, "name": "Ada", **fields})


def test_a_new_address_is_a_new_customer_with_all_data(db: None) -> None:
    customer = find_or_register_customer(
        buyer=buyer(phone="+4915112345678", locale="de", marketing_consent=True, sms_consent=True)
    )
    row = Customer.objects.get()
    assert row == customer
    assert (row.email, row.email_key, row.name) == ("Ada@Example.com", "ada@example.com", "Ada")
    assert (row.phone, row.locale, row.marketing_consent, row.sms_consent) == ("+4915112345678", "de", True, True)
    assert published() == {"CustomerRegistered": 1}


@pytest.mark.parametrize("spelling", ["ada@example.com", "ADA@EXAMPLE.COM"])
def test_another_spelling_finds_the_customer_and_changes_no_data(db: None, spelling: str) -> None:
    first = find_or_register_customer(buyer=buyer())
    again = find_or_register_customer(buyer=buyer(spelling, name="Somebody else", marketing_consent=True))
    assert again == first
    row = Customer.objects.get()
    assert (row.email, row.name, row.marketing_consent) == ("Ada@Example.com", "Ada", False)
    assert published() == {"CustomerRegistered": 1}


def test_concurrent_first_purchases_register_one_customer(transactional_db: None) -> None:
    customers = at_once(lambda: find_or_register_customer(buyer=buyer()), times=4)
    assert {customer.pk for customer in customers} == {Customer.objects.get().pk}
    assert published() == {"CustomerRegistered": 1}
