from __future__ import annotations

import contextlib
import time
from typing import Any
from uuid import uuid4

import pytest

from integrations.brevo import contacts
from integrations.brevo.contacts import Contact
from integrations.errors import ProviderError
from integrations.http import RequestRejected
from tests.support.sandboxes import BrevoSandbox


def contact(**fields: Any) -> Contact:
    values = {
        "customer_id": uuid4(),
        "email": "ann@example.com",
        "first_name": "Ann",
        "last_name": "Lee",
        "phone": "+4915112345678",
        "may_email": True,
        "may_sms": False,
        "list_id": 7,
    }
    return Contact(**{**values, **fields})


def test_a_new_contact_is_created_with_its_phone_and_list(brevo_sandbox: BrevoSandbox) -> None:
    ann = contact()
    upserted = contacts.upsert_contact(contact=ann, known=False)
    [stored] = brevo_sandbox.records("contacts")
    assert (upserted.contact_id, upserted.phone_taken) == (str(stored["id"]), False)
    assert (stored["ext_id"], stored["attributes"]["SMS"]) == (str(ann.customer_id), "4915112345678")
    assert (stored["emailBlacklisted"], stored["smsBlacklisted"], stored["listIds"]) == (False, True, [7])


def test_a_known_contact_is_found_by_the_customers_id(brevo_sandbox: BrevoSandbox) -> None:
    ann = contact()
    contacts.upsert_contact(contact=ann, known=False)
    moved = contact(customer_id=ann.customer_id, email="new@example.com", may_email=False)
    contacts.upsert_contact(contact=moved, known=True)
    [stored] = brevo_sandbox.records("contacts")
    assert (stored["email"], stored["emailBlacklisted"], stored["listIds"]) == ("new@example.com", True, [])


def test_a_known_contact_that_brevo_lost_is_created_again(brevo_sandbox: BrevoSandbox) -> None:
    ann = contact()
    contacts.upsert_contact(contact=ann, known=True)
    assert [stored["ext_id"] for stored in brevo_sandbox.records("contacts")] == [str(ann.customer_id)]


@pytest.mark.parametrize("known", [False, True])
def test_a_phone_of_another_contact_is_left_out(brevo_sandbox: BrevoSandbox, known: bool) -> None:
    contacts.upsert_contact(contact=contact(email="bob@example.com"), known=False)
    ann = contact()
    upserted = contacts.upsert_contact(contact=ann, known=known)
    [stored] = [found for found in brevo_sandbox.records("contacts") if found["ext_id"] == str(ann.customer_id)]
    assert upserted.phone_taken
    assert not stored["attributes"].get("SMS")


def test_an_invalid_address_is_rejected(brevo_sandbox: BrevoSandbox) -> None:
    with pytest.raises(RequestRejected):
        contacts.upsert_contact(contact=contact(email="nobody"), known=False)


@pytest.mark.parametrize(("seconds", "is_done"), [(0.3, False), (5.0, True)])
def test_all_calls_of_one_contact_share_one_deadline(
    brevo_sandbox: BrevoSandbox, monkeypatch: pytest.MonkeyPatch, seconds: float, is_done: bool
) -> None:
    monkeypatch.setattr(contacts, "UPSERT_SECONDS", seconds)
    brevo_sandbox.faults({"provider": "brevo", "kind": "latency", "min_ms": 200, "max_ms": 200})
    began = time.monotonic()
    with contextlib.nullcontext() if is_done else pytest.raises(ProviderError):
        contacts.upsert_contact(contact=contact(), known=False)
    assert (time.monotonic() - began > 0.38) is is_done, "two calls of 0.2 seconds each"
    brevo_sandbox.faults()


def test_a_contact_is_deleted_by_our_id_only(brevo_sandbox: BrevoSandbox) -> None:
    ann, newer = contact(), contact(email="bob@example.com", phone="")
    for each in (ann, newer):
        contacts.upsert_contact(contact=each, known=False)
    assert contacts.delete_contact(customer_id=ann.customer_id)
    assert not contacts.delete_contact(customer_id=ann.customer_id)
    assert [row["email"] for row in brevo_sandbox.records("contacts")] == ["bob@example.com"]


def test_a_wrong_key_deletes_nothing(brevo_sandbox: BrevoSandbox) -> None:
    brevo_sandbox.faults({"provider": "brevo", "kind": "error", "status": 401})
    with pytest.raises(ProviderError):
        contacts.delete_contact(customer_id=uuid4())
