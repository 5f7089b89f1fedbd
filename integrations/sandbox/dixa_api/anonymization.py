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
CONVERSATIONS = "dixa.open_conversations"


def start(sandbox: Sandbox, id: str, *, force: bool) -> Document:
    """Anonymize the end user, and return the anonymization request.

    Without `force`, Dixa refuses while conversations of the end user are open.
    """
    user = endusers.get(sandbox, id)
    if user["displayName"] == "Anonymized":
        raise DixaError(409, "End user is already being anonymized")
    if not force and id in open_conversations(sandbox):
        raise DixaError(400, "End user has open conversations")
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


def open_conversations(sandbox: Sandbox) -> list[str]:
    """The ids of the end users with an open conversation."""
    return sandbox.store.setting(CONVERSATIONS) or []


def set_conversation(sandbox: Sandbox, id: str, *, is_open: bool) -> None:
    """Open a conversation of this end user, or close all of them."""
    others = [other for other in open_conversations(sandbox) if other != id]
    sandbox.store.set_setting(CONVERSATIONS, [*others, id] if is_open else others)


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
