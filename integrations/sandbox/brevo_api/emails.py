"""POST /v3/smtp/email: transactional e-mail into the sandbox's mailbox."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from integrations.sandbox.brevo_api import notices
from integrations.sandbox.brevo_api.errors import BrevoError, check_shape, duplicate, invalid, missing

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
KIND = "brevo.email"
KEY_SECONDS = 30 * 60
ADDRESS = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")
FIELDS: dict[str, type | tuple[type, ...]] = {
    "sender": dict,
    "to": list,
    "cc": list,
    "bcc": list,
    "replyTo": dict,
    "subject": str,
    "htmlContent": str,
    "textContent": str,
    "templateId": int,
    "params": dict,
    "tags": list,
    "headers": dict,
    "attachment": list,
    "scheduledAt": str,
    "batchId": str,
    "messageVersions": list,
}
LISTS_OF_OBJECTS = ("to", "cc", "bcc", "attachment", "messageVersions")
MAX_LOG = 10_000
MAX_RECIPIENTS, MAX_RECIPIENTS_PER_VERSION = 2000, 99


def send(sandbox: Sandbox, document: Document) -> tuple[int, Document]:
    """Accept one message (or its versions); 201 with the message ids, 202 if scheduled."""
    _validate(document)
    headers = document.get("headers") or {}
    lowered = {name.lower(): value for name, value in headers.items()}
    _claim_key(sandbox, lowered.get("idempotencykey"))
    if lowered.get("x-sib-sandbox") == "drop":
        return 201, {"messageId": _message_id()}
    versions = document.get("messageVersions") or [{}]
    ids = [_accept(sandbox, document, version) for version in versions]
    status = 202 if document.get("scheduledAt") else 201
    if document.get("messageVersions"):
        return status, {"messageIds": ids}
    return status, {"messageId": ids[0]}


def delete_log(sandbox: Sandbox, identifier: str) -> tuple[int, None]:
    """Delete the log of an address or of one message: 204, 400 for neither, 404 if there is no such mail.

    Brevo needs a day or two. The sandbox deletes the mails of its mailbox at once.
    """
    is_address = not identifier.startswith("<")
    if is_address and not ADDRESS.match(identifier):
        raise invalid("identifier should be an email or a messageId")
    mails, _ = sandbox.store.page(KIND, filters={"to": identifier.lower()} if is_address else {}, limit=MAX_LOG)
    ids = [mail["id"] for mail in mails if is_address or mail["id"] == identifier]
    if not ids:
        raise BrevoError("No logs found", status=404, code="document_not_found")
    for id in ids:
        sandbox.store.delete(id)
    return 204, None


def _claim_key(sandbox: Sandbox, key: Any) -> None:
    """Reject a key that is repeated within 30 minutes. Brevo does not repeat the first response."""
    if not key:
        return
    try:
        uuid.UUID(str(key))
    except ValueError as error:
        raise invalid("idempotencyKey should be a valid UUID") from error
    now = sandbox.clock()
    store = sandbox.store
    store.execute("DELETE FROM idempotency WHERE scope = 'brevo' AND created <= ?", (now - KEY_SECONDS,))
    if store.execute("SELECT 1 FROM idempotency WHERE scope = 'brevo' AND key = ?", (str(key),)):
        raise duplicate("idempotencyKey has already been used in the last 30 minutes")
    store.execute(
        "INSERT INTO idempotency (scope, key, fingerprint, request_id, created, status) VALUES ('brevo', "
        "?, '', '', ?, 201)",
        (str(key), now),
    )


def _accept(sandbox: Sandbox, document: Document, version: Document) -> str:
    mail: Document = {
        "id": _message_id(),
        "sender": document.get("sender"),
        "to": version.get("to") or document["to"],
        "cc": version.get("cc") or document.get("cc") or [],
        "bcc": version.get("bcc") or document.get("bcc") or [],
        "replyTo": version.get("replyTo") or document.get("replyTo"),
        "subject": version.get("subject") or document.get("subject"),
        "htmlContent": version.get("htmlContent") or document.get("htmlContent"),
        "textContent": version.get("textContent") or document.get("textContent"),
        "templateId": document.get("templateId"),
        "params": version.get("params") or document.get("params") or {},
        "tags": document.get("tags") or [],
        "headers": document.get("headers") or {},
        "attachments": [item.get("name") for item in document.get("attachment") or []],
        "scheduledAt": document.get("scheduledAt"),
        "at": sandbox.clock(),
        "events": [],
    }
    sandbox.store.put(KIND, mail, created=mail["at"], refs={"to": mail["to"][0]["email"].lower()})
    for recipient in mail["to"]:
        notices.after_sending(sandbox, mail, recipient["email"])
    return str(mail["id"])


def _validate(document: Document) -> None:
    check_shape(document, FIELDS, of_objects=LISTS_OF_OBJECTS)
    template, versions = document.get("templateId"), document.get("messageVersions") or []
    if template is not None and template < 1:
        raise invalid("templateId should be a positive integer")
    _sender(document, required=template is None)
    if not versions:
        _recipients(document.get("to"), "to", required=True)
    for version in versions:
        check_shape(version, FIELDS, of_objects=LISTS_OF_OBJECTS)
        _recipients(version.get("to"), "messageVersions.to", required=True)
    if sum(len(version["to"]) for version in versions) > MAX_RECIPIENTS:
        raise invalid(f"at most {MAX_RECIPIENTS} recipients are allowed per request")
    for name in ("cc", "bcc"):
        _recipients(document.get(name), name)
    if template is None:
        if not document.get("subject") and not all(version.get("subject") for version in versions or [{}]):
            raise missing("subject")
        if not document.get("htmlContent") and not document.get("textContent"):
            raise BrevoError("either of htmlContent or textContent is required", code="missing_parameter")
    if not all(isinstance(tag, str) for tag in document.get("tags") or []):
        raise invalid("tags should be an array of strings")
    _headers(document.get("headers") or {})


def _headers(headers: Document) -> None:
    if not all(isinstance(value, str) for value in headers.values()):
        raise invalid("headers should be an object of strings")
    for name, value in headers.items():
        if not value.isascii():
            raise invalid(f"header {name} should be ASCII")


def _sender(document: Document, *, required: bool) -> None:
    sender = document.get("sender")
    if sender is None:
        if required:
            raise missing("sender")
        return
    if ("email" in sender) == ("id" in sender):
        raise invalid("sender should have either an email or an id")
    if "email" in sender and not ADDRESS.match(str(sender["email"])):
        raise invalid("valid sender email address is required")


def _recipients(people: Any, name: str, *, required: bool = False) -> None:
    if not people:
        if required:
            raise missing(name)
        return
    if len(people) > MAX_RECIPIENTS_PER_VERSION:
        raise invalid(f"{name} should have at most {MAX_RECIPIENTS_PER_VERSION} recipients")
    for person in people:
        if not ADDRESS.match(str(person.get("email", ""))):
            raise invalid(f"email is not valid in {name}")
        if "name" in person and not (isinstance(person["name"], str) and 0 < len(person["name"]) <= 70):
            raise invalid(f"name is not valid in {name}")


def _message_id() -> str:
    return f"<{uuid.uuid4().hex[:24]}.{uuid.uuid4().int % 10**10}@smtp-relay.mailin.fr>"
