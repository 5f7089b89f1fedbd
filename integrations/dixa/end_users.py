"""End users: one per customer, although Dixa has neither an upsert nor idempotency keys.

https://docs.dixa.io/openapi/dixa-api/v1/end-users. Two concurrent calls could create two end users, so callers must
hold a lock for the customer.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from integrations.dixa import facts
from integrations.dixa.client import client
from integrations.http import Deadline, RequestRejected

# Seconds for all calls of one upsert, at most seven.
UPSERT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndUser:
    """The data about a customer that Dixa gets. ``phone`` is E.164 or empty."""

    customer_id: UUID
    email: str
    display_name: str
    first_name: str
    last_name: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """Dixa has the end user with this id. ``phone_taken``: another end user has the phone, so this one has none."""

    end_user_id: str
    phone_taken: bool


def upsert_end_user(*, end_user: EndUser, known_id: str) -> Upserted:
    """Give Dixa's end user this state: the one with the stored id, our id or the e-mail address, or a new one.

    Safe to repeat, also after an unknown outcome, because it searches before it creates. Run one call at a time per
    customer. Raises what ``JsonClient`` does.
    """
    deadline = Deadline(UPSERT_SECONDS)
    try:
        return _upsert(end_user, known_id, deadline, with_phone=True)
    except RequestRejected as rejection:
        if not (end_user.phone and _says_taken(rejection)):
            raise
    # Another end user has the phone: leave it out. Search again, because the first pass may have created the end user.
    return _upsert(end_user, known_id, deadline, with_phone=False)


def find_by_customer(*, customer_id: UUID, deadline: Deadline | None = None) -> str:
    """Dixa's id of the customer's end user, or an empty text. Raises what ``JsonClient`` does."""
    return _first("externalId", str(customer_id), deadline)


def _upsert(end_user: EndUser, known_id: str, deadline: Deadline, *, with_phone: bool) -> Upserted:
    document = _document(end_user, with_phone)
    found = known_id if known_id and _patch(known_id, document, deadline) else ""
    if not found:
        found = _find(end_user, deadline)
        if not (found and _patch(found, document, deadline)):
            found = _create(end_user, document, deadline)
    return Upserted(end_user_id=found, phone_taken=bool(end_user.phone) and not with_phone)


def _find(end_user: EndUser, deadline: Deadline) -> str:
    # Dixa accepts only one filter per call.
    return _first("externalId", str(end_user.customer_id), deadline) or _first("email", end_user.email, deadline)


def _first(name: str, value: str, deadline: Deadline | None) -> str:
    """The id of the oldest end user with this value, or an empty text."""
    entries = client().request("GET", "/endusers", params={name: value}, deadline=deadline).field("data")
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return str(min(found, key=lambda entry: str(entry.get("createdAt")))["id"]) if found else ""


def _patch(end_user_id: str, document: dict[str, str], deadline: Deadline) -> bool:
    """Update it; False if there is no such end user (any more)."""
    try:
        client().request("PATCH", f"/endusers/{end_user_id}", json=document, deadline=deadline)
    except RequestRejected as rejection:
        if rejection.status == 404:
            return False
        raise
    return True


def _create(end_user: EndUser, document: dict[str, str], deadline: Deadline) -> str:
    try:
        data = client().request("POST", "/endusers", json=document, deadline=deadline).field("data")
    except RequestRejected as rejection:
        # It was created after the search, or Dixa did not list it yet.
        if _says_taken(rejection) and (found := _find(end_user, deadline)):
            _patch(found, document, deadline)
            return found
        raise
    return str(data["id"]) if isinstance(data, dict) and "id" in data else _find(end_user, deadline)


def _says_taken(rejection: RequestRejected) -> bool:
    text = rejection.vendor_message.lower()
    return rejection.status == 400 and any(word in text for word in facts.DUPLICATE_WORDS)


def _document(end_user: EndUser, with_phone: bool) -> dict[str, str]:
    document = {
        "displayName": end_user.display_name,
        "email": end_user.email,
        "firstName": end_user.first_name,
        "lastName": end_user.last_name,
        "externalId": str(end_user.customer_id),
    }
    if with_phone and end_user.phone:
        document["phoneNumber"] = end_user.phone
    return {name: value for name, value in document.items() if value}
