"""Injects what happens to messages after Brevo accepted them: bounces, complaints, clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from integrations.sandbox.brevo_api import notices
from integrations.sandbox.control.bodies import json_body
from integrations.sandbox.control.errors import ControlError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]


def mail_event(sandbox: Sandbox, request: Request) -> Any:
    """`{"event", "message_id" | "email", "reason"?, "link"?}`; an e-mail address means its latest mail."""
    wanted = json_body(request)
    event, address = _one_of(wanted, "event", notices.EMAIL_EVENTS), wanted.pop("email", None)
    mail = _mail(sandbox, wanted.pop("message_id", None), address)
    return notices.email_event(sandbox, mail, address or mail["to"][0]["email"], event, **wanted)


def sms_event(sandbox: Sandbox, request: Request) -> Any:
    """`{"status": "hard_bounce", "message_id" | "to": ..., "reply"?}`."""
    wanted = json_body(request)
    status = _one_of(wanted, "status", notices.SMS_EVENTS)
    id, to = wanted.pop("message_id", None), str(wanted.pop("to", "")).lstrip("+")
    found, _ = sandbox.store.page("brevo.sms", filters={"to": to} if to else {}, limit=10_000)
    for sms in found:
        if id is None or sms["messageId"] == id:
            return notices.sms_event(sandbox, sms, status, **wanted)
    raise ControlError("There is no such SMS.", status=404)


def marketing_event(sandbox: Sandbox, request: Request) -> Any:
    """`{"event": "unsubscribe", "email": ...}`."""
    wanted = json_body(request)
    if not wanted.get("event") or not wanted.get("email"):
        raise ControlError("Send event and email.")
    return notices.marketing_event(sandbox, str(wanted.pop("event")), str(wanted.pop("email")), **wanted)


def _mail(sandbox: Sandbox, id: str | None, address: str | None) -> Document:
    if id is not None:
        mail = sandbox.store.get("brevo.email", id)
    else:
        filters = {"to": address.lower()} if address else {}
        found, _ = sandbox.store.page("brevo.email", filters=filters, limit=1)
        mail = found[0] if found else None
    if mail is None:
        raise ControlError("There is no such mail.", status=404)
    return mail


def _one_of(wanted: Document, name: str, options: tuple[str, ...]) -> str:
    value = wanted.pop(name, None)
    if value not in options:
        raise ControlError(f"{name} must be one of {', '.join(options)}.")
    return str(value)
