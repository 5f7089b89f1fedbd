"""Contacts: one per customer, with the customer's id as ``ext_id``.

https://developers.brevo.com/reference/createcontact
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from integrations.brevo import facts
from integrations.brevo.client import client
from integrations.http import Deadline, RequestRejected

# Seconds for all calls of one upsert, at most five.
UPSERT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The data about a customer that Brevo gets. ``phone`` is E.164 or empty."""

    customer_id: UUID
    email: str
    first_name: str
    last_name: str
    phone: str
    may_email: bool
    may_sms: bool
    list_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """Brevo has the contact. ``contact_id`` is empty if Brevo did not return it.

    ``phone_taken``: another contact has the phone, so this one has none.
    """

    contact_id: str
    phone_taken: bool


def upsert_contact(*, contact: Contact, known: bool) -> Upserted:
    """Give Brevo's contact this state. Safe to repeat.

    A ``known`` contact is found by ``ext_id``, so that its e-mail address can change. A new one is found by its address
    or created. Raises what ``JsonClient`` does.
    """
    deadline = Deadline(UPSERT_SECONDS)
    if known and (updated := _update(contact, deadline)):
        return updated
    contact_id = _create(contact, deadline)
    updated = _update(contact, deadline) if contact.phone else None
    return Upserted(contact_id=contact_id, phone_taken=updated is not None and updated.phone_taken)


def delete_contact(*, customer_id: UUID) -> bool:
    """Delete the customer's contact. Returns False if Brevo has none (any more). Raises what ``JsonClient`` does.

    It is found by ``ext_id`` only: a contact with the same address may belong to a newer account of the person.
    """
    try:
        client().request("DELETE", f"/contacts/{customer_id}", params={"identifierType": "ext_id"})
    except RequestRejected as rejection:
        if rejection.status == 404:
            return False
        raise
    return True


def _create(contact: Contact, deadline: Deadline) -> str:
    """Create the contact, or update the one with its address; return Brevo's id, or an empty string.

    It leaves out the phone: Brevo would update another contact with the same phone, and families share one.
    """
    document = _consents(contact) | {
        "email": contact.email,
        "ext_id": str(contact.customer_id),
        "updateEnabled": True,
        "attributes": _attributes(contact),
    }
    if contact.list_id is not None and contact.may_email:
        document["listIds"] = [contact.list_id]
    contact_id = client().request("POST", "/contacts", json=document, deadline=deadline).field("id")
    return str(contact_id) if isinstance(contact_id, int) else ""


def _update(contact: Contact, deadline: Deadline) -> Upserted | None:
    """Update by ``ext_id``; None if Brevo has no such contact (any more)."""
    try:
        return _put(contact, contact.phone, deadline)
    except RequestRejected as rejection:
        if rejection.code != facts.DUPLICATE or not contact.phone:
            raise
    # Another contact has the phone. Update the rest.
    return _put(contact, facts.EMPTY, deadline)


def _put(contact: Contact, phone: str, deadline: Deadline) -> Upserted | None:
    document = _consents(contact) | {
        "attributes": _attributes(contact) | {facts.EMAIL: contact.email, facts.PHONE: phone or facts.EMPTY}
    }
    if contact.list_id is not None:
        document["listIds" if contact.may_email else "unlinkListIds"] = [contact.list_id]
    path, by = f"/contacts/{contact.customer_id}", {"identifierType": "ext_id"}
    try:
        client().request("PUT", path, params=by, json=document, deadline=deadline)
    except RequestRejected as rejection:
        if rejection.status == 404:
            return None
        raise
    return Upserted(contact_id="", phone_taken=phone != contact.phone)


def _attributes(contact: Contact) -> dict[str, str]:
    return {facts.FIRST_NAME: contact.first_name, facts.LAST_NAME: contact.last_name}


def _consents(contact: Contact) -> dict[str, object]:
    # Always send both flags: a change of the address alone would remove the block.
    return {"emailBlacklisted": not contact.may_email, "smsBlacklisted": not contact.may_sms}
