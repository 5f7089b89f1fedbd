"""Contacts: one per customer, known to Brevo by our id (``ext_id``).

https://developers.brevo.com/reference/createcontact
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from integrations.brevo import facts
from integrations.brevo.client import client
from integrations.http import Answer, Deadline, RequestRefused

# What an upsert may spend on its calls (at most four), in seconds.
UPSERT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """All that Brevo is to know of a customer. ``phone`` is E.164 or empty."""

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
    """Brevo has the contact. ``contact_id`` is empty where it did not say; ``phone_taken``.

    Another contact has it.
    """

    contact_id: str
    phone_taken: bool


def upsert_contact(*, contact: Contact, known: bool) -> Upserted:
    """Bring Brevo to this state, whatever it had. Safe to repeat.

    ``known`` contacts are addressed by our id, which is what lets an e-mail address change; a new one is
    found by its address or made. Raises what ``JsonClient`` does.
    """
    deadline = Deadline(UPSERT_SECONDS)
    try:
        return _upsert(contact, known, deadline, with_phone=True)
    except RequestRefused as refusal:
        if refusal.code != facts.DUPLICATE or not contact.phone:
            raise
    # A phone belongs to one contact in Brevo, but families share one. The rest of the contact is worth
    # having.
    return _upsert(contact, known, deadline, with_phone=False)


def _upsert(contact: Contact, known: bool, deadline: Deadline, *, with_phone: bool) -> Upserted:
    phone = contact.phone if with_phone else ""
    answer = _update(contact, phone, deadline) if known else None
    if answer is None:
        answer = client().request("POST", "/contacts", json=_creation(contact, phone), deadline=deadline)
    contact_id = answer.field("id")
    return Upserted(
        contact_id=str(contact_id) if isinstance(contact_id, int) else "",
        phone_taken=bool(contact.phone) and not with_phone,
    )


def _update(contact: Contact, phone: str, deadline: Deadline) -> Answer | None:
    """Update by our id; None where Brevo has no such contact (any more)."""
    document = _consents(contact) | {
        "attributes": _attributes(contact) | {facts.EMAIL: contact.email, facts.PHONE: phone or facts.EMPTY}
    }
    if contact.list_id is not None:
        document["listIds" if contact.may_email else "unlinkListIds"] = [contact.list_id]
    path = f"/contacts/{contact.customer_id}"
    try:
        return client().request(
            "PUT", path, params={"identifierType": "ext_id"}, json=document, deadline=deadline
        )
    except RequestRefused as refusal:
        if refusal.status == 404:
            return None
        raise


def _creation(contact: Contact, phone: str) -> dict[str, object]:
    document = _consents(contact) | {
        "email": contact.email,
        "ext_id": str(contact.customer_id),
        "updateEnabled": True,
        "attributes": _attributes(contact) | ({facts.PHONE: phone} if phone else {}),
    }
    if contact.list_id is not None and contact.may_email:
        document["listIds"] = [contact.list_id]
    return document


def _attributes(contact: Contact) -> dict[str, str]:
    return {facts.FIRST_NAME: contact.first_name, facts.LAST_NAME: contact.last_name}


def _consents(contact: Contact) -> dict[str, object]:
    # Always, with both answers: a change of the address alone would lift the block.
    return {"emailBlacklisted": not contact.may_email, "smsBlacklisted": not contact.may_sms}
