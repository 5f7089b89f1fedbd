"""/v3/contacts: 201 created, 204 updated, 400 `duplicate_parameter` if two contacts would share an identifier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.sandbox.brevo_api.errors import BrevoError, duplicate, invalid, missing

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
Reply = tuple[int, Any]
KIND = "brevo.contact"
FIELDS = {"email", "ext_id", "attributes", "listIds", "emailBlacklisted", "smsBlacklisted",
          "smtpBlacklistSender", "updateEnabled", "forceMerge", "getId", "unlinkListIds"}  # fmt: skip
ADDRESS = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")
IDENTIFIERS = {"email_id": "email", "contact_id": "id", "ext_id": "ext_id", "phone_id": "SMS",
               "whatsapp_id": "WHATSAPP", "landline_number_id": "LANDLINE_NUMBER"}  # fmt: skip
UNIQUE = ("email", "ext_id", "SMS", "WHATSAPP", "LANDLINE_NUMBER")

# Attributes must exist in the account before use. The account of the sandbox has these.
ATTRIBUTES: dict[str, type | tuple[type, ...]] = {
    "EMAIL": str, "SMS": str, "WHATSAPP": str, "LANDLINE_NUMBER": str, "EXT_ID": str, "FIRSTNAME": str,
    "LASTNAME": str, "LANGUAGE": str, "LOCALE": str, "COUNTRY": str, "PLAN": str, "SUBSCRIPTION_STATUS": str,
    "SUBSCRIPTION_ID": str, "CUSTOMER_ID": str, "CUSTOMER_SINCE": str, "CURRENT_PERIOD_END": str,
    "LAST_ORDER_AT": str, "LAST_ORDER_ID": str, "NEXT_RENEWAL_AT": str, "CANCELED_AT": str, "CURRENCY": str,
    "ORDERS_COUNT": (int, float), "LIFETIME_VALUE": (int, float), "MARKETING_CONSENT": bool,
    "DOUBLE_OPT-IN": bool, "OPT_IN": bool,
}  # fmt: skip


def known_attributes(sandbox: Sandbox) -> dict[str, Any]:
    extra = sandbox.store.setting("brevo.attributes") or []
    return ATTRIBUTES | dict.fromkeys(extra, (str, int, float, bool, list))


def create(sandbox: Sandbox, document: Document) -> Reply:
    _validate(document)
    wanted = _attributes(sandbox, document)
    email = _email(document.get("email"))
    keys = _clean({"email": email, "ext_id": document.get("ext_id"), **_phones(wanted)})
    if not keys:
        raise missing("email, ext_id or SMS")
    owners = {owner["id"]: owner for owner in (by_key(sandbox, *item) for item in keys.items()) if owner}
    if not owners:
        contact = _blank(sandbox)
        _apply(sandbox, contact, document, wanted, email=email)
        return 201, {"id": int(contact["id"].split(".")[1])}
    if not document.get("updateEnabled"):
        taken = [name for name, value in keys.items() if by_key(sandbox, name, value)]
        names = {"ext_id": "ext_id", "SMS": "SMS", "email": "email"}
        if taken == ["email"]:
            raise duplicate("Contact already exist")
        raise duplicate(
            f"Unable to create contact, {names.get(taken[0], taken[0])} is already associated with another Contact"
        )
    contact = _merged(sandbox, owners, force=bool(document.get("forceMerge")))
    _apply(sandbox, contact, document, wanted, email=email)
    if document.get("getId"):
        return 200, {"id": int(contact["id"].split(".")[1])}
    return 204, None


def retrieve(sandbox: Sandbox, identifier: str, kind: str | None) -> Reply:
    contact = _find(sandbox, identifier, kind)
    return 200, shown(contact)


def update(sandbox: Sandbox, identifier: str, kind: str | None, document: Document) -> Reply:
    _validate(document)
    contact = _find(sandbox, identifier, kind)
    wanted = _attributes(sandbox, document)
    email = _email(wanted.pop("EMAIL", None))
    keys = _clean({"email": email, "ext_id": document.get("ext_id"), **_phones(wanted)})
    owners = {contact["id"]: contact}
    for name, value in keys.items():
        owner = by_key(sandbox, name, value)
        if owner and owner["id"] != contact["id"]:
            owners[owner["id"]] = owner
            if not document.get("forceMerge"):
                raise duplicate(f"Unable to update contact, {name} is already associated with another Contact")
    if len(owners) > 1:
        contact = _merged(sandbox, owners, force=True)
    _apply(sandbox, contact, document, wanted, email=email)
    return 204, None


def delete(sandbox: Sandbox, identifier: str, kind: str | None) -> Reply:
    sandbox.store.delete(_find(sandbox, identifier, kind)["id"])
    return 204, None


def listing(sandbox: Sandbox, *, limit: int, offset: int) -> Reply:
    documents, _ = sandbox.store.page(KIND, limit=limit + offset)
    return 200, {"contacts": [shown(c) for c in documents[offset:]], "count": sandbox.store.count(KIND)}


def by_key(sandbox: Sandbox, name: str, value: str) -> Document | None:
    if name == "id":
        return sandbox.store.get(KIND, f"contact.{value}")
    found = sandbox.store.find(KIND, name, value.lower() if name == "email" else value)
    return found[0] if found else None


def id_by_email(sandbox: Sandbox, address: str) -> int | None:
    contact = by_key(sandbox, "email", address)
    return int(contact["id"].split(".")[1]) if contact else None


def unsubscribe(sandbox: Sandbox, address: str) -> None:
    """Stop campaigns to this address. Transactional mail has a separate blocklist."""
    if contact := by_key(sandbox, "email", address):
        contact["emailBlacklisted"] = True
        _store(sandbox, contact)


def shown(contact: Document) -> Document:
    """A contact as GET returns it."""
    return {**contact, "id": int(contact["id"].split(".")[1]), "statistics": {}}


def _apply(sandbox: Sandbox, contact: Document, document: Document, wanted: Document, *, email: str | None) -> None:
    if email and contact["email"] and email != contact["email"]:
        contact["emailBlacklisted"] = False  # Brevo re-subscribes a changed address, unless the request says otherwise.
    contact["email"] = email or contact["email"]
    contact["ext_id"] = document.get("ext_id") or contact["ext_id"]
    merged = contact["attributes"] | {name: value for name, value in wanted.items() if name != "EMAIL"}
    contact["attributes"] = {name: value for name, value in merged.items() if value not in (None, "")}
    for name in ("emailBlacklisted", "smsBlacklisted"):
        if name in document:
            contact[name] = bool(document[name])
    lists = set(contact["listIds"]) | set(document.get("listIds") or [])
    contact["listIds"] = sorted(lists - set(document.get("unlinkListIds") or []))
    contact["modifiedAt"] = sandbox.clock()
    _store(sandbox, contact)


def _store(sandbox: Sandbox, contact: Document) -> None:
    refs = {name: contact["attributes"].get(name) for name in ("SMS", "WHATSAPP", "LANDLINE_NUMBER")}
    email = contact["email"]
    refs |= {"email": email.lower() if email else None, "ext_id": contact["ext_id"]}
    sandbox.store.put(KIND, contact, created=contact["createdAt"], refs=refs)


def _merged(sandbox: Sandbox, owners: dict[str, Document], *, force: bool) -> Document:
    """The contact with these identifiers. Several contacts are merged only with `force`, into the newest."""
    latest, *others = sorted(owners.values(), key=lambda contact: contact["modifiedAt"], reverse=True)
    if others and not force:
        raise duplicate("Unable to update contact, the identifiers belong to different contacts")
    for other in others:
        sandbox.store.delete(other["id"])
    return latest


def _find(sandbox: Sandbox, identifier: str, kind: str | None) -> Document:
    if kind is None:
        kind = "email_id" if "@" in identifier else "contact_id"
    if kind not in IDENTIFIERS:
        raise invalid("Invalid identifierType")
    if kind == "contact_id" and not identifier.isdigit():
        raise invalid("Invalid contact id")
    name = IDENTIFIERS[kind]
    value = _phone(identifier) if name in ("SMS", "WHATSAPP", "LANDLINE_NUMBER") else identifier
    contact = by_key(sandbox, name, value)
    if contact is None:
        raise BrevoError("Contact does not exist", status=404)
    return contact


def _attributes(sandbox: Sandbox, document: Document) -> Document:
    """The attributes to write. Brevo silently ignores unknown names and wrong types."""
    known = known_attributes(sandbox)
    valid: Document = {}
    for name, value in (document.get("attributes") or {}).items():
        expected = known.get(name.upper())
        is_valid = expected is not None and isinstance(value, expected)
        if isinstance(value, bool) and expected is not bool:  # in Python a bool is also an int
            is_valid = False
        if is_valid or value in (None, ""):
            valid[name.upper()] = value
    for name in ("SMS", "WHATSAPP", "LANDLINE_NUMBER"):
        if valid.get(name):
            valid[name] = _phone(valid[name])
    return {name: value for name, value in valid.items() if name in known}


def _phone(value: str) -> str:
    digits = re.sub(r"^(?:\+|00)", "", re.sub(r"[\s().-]", "", value))
    if not re.fullmatch(r"\d{6,19}", digits):
        raise invalid("Invalid phone number")
    return digits


def _phones(wanted: Document) -> Document:
    return {name: wanted.get(name) for name in ("SMS", "WHATSAPP", "LANDLINE_NUMBER")}


def _email(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not ADDRESS.match(value):
        raise invalid("Invalid email address")
    return value.lower()


def _validate(document: Document) -> None:
    if unknown := set(document) - FIELDS:
        raise invalid(f"{sorted(unknown)[0]} is not a valid parameter")
    if not isinstance(document.get("attributes", {}), dict):
        raise invalid("attributes should be an object")
    for name in ("listIds", "unlinkListIds"):
        lists = document.get(name) or []
        if not isinstance(lists, list) or not all(isinstance(item, int) for item in lists):
            raise invalid(f"{name} should be an array of integers")
    for name in ("emailBlacklisted", "smsBlacklisted", "updateEnabled", "forceMerge", "getId"):
        if not isinstance(document.get(name, False), bool):
            raise invalid(f"{name} should be a boolean")
    if not isinstance(document.get("ext_id"), str | None):
        raise invalid("ext_id should be a string")


def _clean(keys: Document) -> dict[str, str]:
    return {name: value for name, value in keys.items() if value}


def _blank(sandbox: Sandbox) -> Document:
    number = (sandbox.store.setting("brevo.last_contact") or 0) + 1
    sandbox.store.set_setting("brevo.last_contact", number)
    return {
        "id": f"contact.{number}",
        "email": None,
        "ext_id": None,
        "attributes": {},
        "listIds": [],
        "emailBlacklisted": False,
        "smsBlacklisted": False,
        "createdAt": sandbox.clock(),
        "modifiedAt": sandbox.clock(),
    }
