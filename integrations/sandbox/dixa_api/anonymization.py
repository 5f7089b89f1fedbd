"""Anonymization of an end user: a request, and its status."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from integrations.sandbox.dixa_api import endusers
from integrations.sandbox.dixa_api.endusers import Document
from integrations.sandbox.dixa_api.errors import DixaError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

KIND = "dixa.anonymization"


def start(sandbox: Sandbox, id: str) -> Document:
    """Anonymize the end user, and return the anonymization request."""
    user = endusers.get(sandbox, id)
    if user["displayName"] == "Anonymized":
        raise DixaError(409, "End user is already being anonymized")
    anonymization = {
        "id": str(uuid.uuid4()),
        "_type": "EndUserAnonymizationRequest",
        "initiatedAt": endusers.timestamp(sandbox),
        "targetEntityId": id,
        "requestedBy": str(uuid.uuid5(uuid.NAMESPACE_URL, "sandbox")),
        "processedAt": None,
    }
    sandbox.store.put(KIND, anonymization, created=sandbox.clock(), refs={})
    anonymous = endusers.blank() | {"id": id, "createdAt": user["createdAt"], "displayName": "Anonymized"}
    endusers.store(sandbox, anonymous)
    return anonymization


def status(sandbox: Sandbox, id: str) -> Document:
    """The anonymization request. The first poll finds it in progress; from the second poll on it is processed."""
    anonymization = sandbox.store.get(KIND, id)
    if anonymization is None:
        raise DixaError(404, "Anonymization request not found")
    response = {key: value for key, value in anonymization.items() if key != "polls"}
    if anonymization["processedAt"] is None:
        anonymization["polls"] = anonymization.get("polls", 0) + 1
        anonymization["processedAt"] = endusers.timestamp(sandbox)
        sandbox.store.put(KIND, anonymization, created=sandbox.clock(), refs={})
    return response
