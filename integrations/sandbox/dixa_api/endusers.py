"""End users: find, create, replace and patch. An e-mail address and a phone number belong to one end user only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations.sandbox.dixa_api.errors import DixaError
from integrations.sandbox.store import UnknownCursor

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
KIND = "dixa.enduser"
FIELDS = ("displayName", "email", "phoneNumber", "additionalEmails", "additionalPhoneNumbers", "firstName",
          "lastName", "middleNames", "avatarUrl", "externalId")  # fmt: skip
LISTS = ("additionalEmails", "additionalPhoneNumbers", "middleNames")
FILTERS = {"email": "email", "phone": "phoneNumber", "externalId": "externalId"}
MAX_PAGE_LIMIT = 1000


def find(sandbox: Sandbox, query: Mapping[str, str]) -> Document:
    """The response to a search by one filter, or one page of all end users."""
    filters = [name for name in FILTERS if name in query]
    if len(filters) > 1 or set(query) - set(FILTERS) - {"pageLimit", "pageKey"}:
        raise DixaError(400, "Only one of the query parameters email, phone, externalId can be used at a time")
    if not filters:
        return _page(sandbox, limit=query.get("pageLimit", "50"), after=query.get("pageKey"))
    field = FILTERS[filters[0]]
    users = sandbox.store.find(KIND, field, _normalized(field, query[filters[0]]))
    return {"data": [_listed(user) for user in users], "meta": {"next": None}}


def _page(sandbox: Sandbox, *, limit: str, after: str | None) -> Document:
    if not limit.isdecimal() or not 1 <= int(limit[:9]) <= MAX_PAGE_LIMIT:
        raise DixaError(400, "Validation failure: pageLimit is out of range")
    try:
        users, more = sandbox.store.page(KIND, limit=int(limit), after=after)
    except UnknownCursor as error:
        raise DixaError(400, "Validation failure: pageKey is invalid") from error
    following = f"/v1/endusers?pageLimit={int(limit)}&pageKey={users[-1]['id']}" if more else None
    return {"data": [_listed(user) for user in users], "meta": {"next": following}}


def get(sandbox: Sandbox, id: str) -> Document:
    user = sandbox.store.get(KIND, id)
    if user is None:
        raise DixaError(404, f"End user with id {id} not found")
    return user


def create(sandbox: Sandbox, fields: Document) -> Document:
    _validate(fields)
    return _save(sandbox, blank() | fields | {"id": str(uuid.uuid4()), "createdAt": timestamp(sandbox)})


def replace(sandbox: Sandbox, id: str, fields: Document) -> Document:
    """Replace all fields but the custom attributes."""
    user = get(sandbox, id)
    _validate(fields)
    if not fields.get("displayName"):
        raise DixaError(400, "Validation failure: displayName is required")
    unchanged = {name: user[name] for name in ("id", "createdAt", "customAttributes")}
    return _save(sandbox, blank() | fields | unchanged)


def patch(sandbox: Sandbox, id: str, fields: Document) -> Document:
    user = get(sandbox, id)
    _validate(fields)
    return _save(sandbox, user | fields)


def store(sandbox: Sandbox, user: Document) -> Document:
    refs = {name: _normalized(name, user[name]) if user[name] else None for name in FILTERS.values()}
    sandbox.store.put(KIND, user, created=sandbox.clock(), refs=refs)
    return user


def blank() -> Document:
    return {name: [] if name in LISTS else None for name in FIELDS} | {"customAttributes": []}


def timestamp(sandbox: Sandbox) -> str:
    return datetime.fromtimestamp(sandbox.clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _save(sandbox: Sandbox, user: Document) -> Document:
    """Store a user unless the e-mail address or the phone belongs to another user. Raises 400."""
    for name, label in (("email", "EmailExists"), ("phoneNumber", "PhoneNumberExists")):
        if not user[name]:
            continue
        others = sandbox.store.find(KIND, name, _normalized(name, user[name]))
        if any(other["id"] != user["id"] for other in others):
            raise DixaError(400, f"Validation failure: {label}: another end user already exists with this {name}")
    return store(sandbox, user)


def _validate(fields: Document) -> None:
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise DixaError(400, f"Validation failure: unknown field {sorted(unknown)[0]}")
    for name, value in fields.items():
        expected: type = list if name in LISTS else str
        if value is not None and not isinstance(value, expected):
            raise DixaError(400, f"Validation failure: {name} has a wrong type")
    if fields.get("email") and "@" not in fields["email"]:
        raise DixaError(400, "Validation failure: email is not a valid e-mail address")
    phone = fields.get("phoneNumber")
    if phone and not (phone.startswith("+") and phone[1:].isdigit() and 6 <= len(phone) <= 16):
        raise DixaError(400, "Validation failure: phoneNumber is not a valid phone number")


def _listed(user: Document) -> Document:
    """Lists do not contain custom attributes."""
    return {name: value for name, value in user.items() if name != "customAttributes"}


def _normalized(name: str, value: str) -> str:
    return value.lower() if name == "email" else value.replace(" ", "")
