"""The custom attributes of the account, and their values for an end user."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from integrations.sandbox.dixa_api import endusers
from integrations.sandbox.dixa_api.endusers import Document
from integrations.sandbox.dixa_api.errors import DixaError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

CUSTOM_ATTRIBUTES: list[Document] = [
    {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "entityType": "Contact",
        "identifier": name,
        "label": name.replace("_", " ").capitalize(),
        "isRequired": False,
        "isArchived": False,
        "isDeactivated": False,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "inputDefinition": {"_type": "Text"},
    }
    for name in ("plan", "subscription_status", "customer_since", "lifetime_value", "last_order")
]


def write(sandbox: Sandbox, id: str, values: Document) -> list[Document]:
    """Set the values by attribute id; null removes a value. Attributes that are not named keep their value."""
    user = endusers.get(sandbox, id)
    known = {attribute["id"]: attribute for attribute in CUSTOM_ATTRIBUTES}
    stored = {attribute["id"]: attribute for attribute in user["customAttributes"]}
    for key, value in values.items():
        if key not in known:
            raise DixaError(400, f"Validation failure: unknown custom attribute {key}")
        if value is not None and not isinstance(value, str | list):
            raise DixaError(400, f"Validation failure: value of custom attribute {key} must be a string or a list")
        stored[key] = {
            "id": key,
            "name": known[key]["label"],
            "identifier": known[key]["identifier"],
            "value": value,
        }
        if value is None:
            del stored[key]
    user["customAttributes"] = list(stored.values())
    endusers.store(sandbox, user)
    return list(stored.values())
