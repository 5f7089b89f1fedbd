"""Brevo's webhooks: check the token, read the events in a body, and interpret an event.

Brevo does not sign its requests; it sends the bearer token that was set when the webhook was created. It retries only
if it gets no response or a 429. A body holds one event or an array of up to 500. Unknown values are stored, too.

https://developers.brevo.com/docs/transactional-webhooks, .../marketing-webhooks,
.../secured-webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_DEPTH = 50

# The fields that identify an event. Not ``id``: it is the webhook's id, the same in all of its events.
IDENTITY = (
    "message-id",
    "messageId",
    "event",
    "msg_status",
    "email",
    "to",
    "camp_id",
    "ts_epoch",
    "ts_event",
)
IDENTITY_OF_CLICKS = ("link", "URL")


class MalformedBody(Exception):
    """The body is not JSON, or neither an object nor an array."""


class Kind(StrEnum):
    """The meaning of an event. Brevo has several names for each."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    HARD_BOUNCE = "hard_bounce"
    INVALID_ADDRESS = "invalid_email"
    BLOCKED = "blocked"
    FAILED = "failed"
    SPAM = "spam"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


class EventSource(StrEnum):
    """The kind of message that an event is about."""

    EMAIL = "email"
    MARKETING = "marketing"
    SMS = "sms"


# [?] Brevo's pages and its requests spell the names differently; all known spellings are accepted.
EMAIL_EVENTS = {
    "request": Kind.ACCEPTED,
    "sent": Kind.ACCEPTED,
    "delivered": Kind.DELIVERED,
    "deferred": Kind.DELAYED,
    "soft_bounce": Kind.DELAYED,
    "softBounce": Kind.DELAYED,
    "soft_bounced": Kind.DELAYED,
    "hard_bounce": Kind.HARD_BOUNCE,
    "hardBounce": Kind.HARD_BOUNCE,
    "hard_bounced": Kind.HARD_BOUNCE,
    "invalid_email": Kind.INVALID_ADDRESS,
    "invalid": Kind.INVALID_ADDRESS,
    "blocked": Kind.BLOCKED,
    "error": Kind.FAILED,
    "spam": Kind.SPAM,
    "complaint": Kind.SPAM,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "unsubscribed": Kind.UNSUBSCRIBED,
}
SMS_EVENTS = {
    "sent": Kind.ACCEPTED,
    "accepted": Kind.ACCEPTED,
    "delivered": Kind.DELIVERED,
    "soft_bounce": Kind.DELAYED,
    "hard_bounce": Kind.HARD_BOUNCE,
    "rejected": Kind.FAILED,
    "blacklisted": Kind.BLOCKED,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "unsubscribed": Kind.UNSUBSCRIBED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """One event as Brevo sent it, ready to be stored. ``event_id`` is the same each time Brevo sends the event."""

    event_id: str
    type: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrevoEvent:
    """An interpreted event. ``address`` is an e-mail address or the digits of a phone number."""

    source: EventSource
    kind: Kind
    address: str
    message_id: str
    custom_ids: tuple[str, ...]


def is_authorized(*, header: str, token: str) -> bool:
    """Whether an ``Authorization`` header holds this token, compared in constant time."""
    scheme, _, sent = header.partition(" ")
    same = hmac.compare_digest(sent.strip().encode("utf-8", "surrogatepass"), token.encode())
    return same and bool(token) and scheme.lower() == "bearer"


def events_in(body: bytes) -> list[RawEvent]:
    """The events in a webhook's body. Raises ``MalformedBody``."""
    try:
        document = json.loads(body, parse_constant=_no_constant)
        entries = document if isinstance(document, list) else [document]
        if not isinstance(document, dict | list):
            raise MalformedBody("The body is neither an object nor an array.")
        return [_raw(_storable(entry)) for entry in entries]
    except (ValueError, RecursionError):
        raise MalformedBody("The body is not JSON that can be stored.") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _storable(value: Any, depth: int = 0) -> Any:
    """The value in a form that PostgreSQL's jsonb accepts: no NUL, no lone surrogates, no infinity."""
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_storable(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item, depth + 1) for key, item in value.items()}
    return value


def _raw(entry: Any) -> RawEvent:
    payload = entry if isinstance(entry, dict) else {"value": entry}
    name = _text(payload.get("event")) or _text(payload.get("msg_status")) or "unknown"
    return RawEvent(event_id=_event_id(payload), type=name[:100], payload=payload)


def _event_id(payload: Mapping[str, Any]) -> str:
    """A digest of the identifying fields, so that the id holds no personal data."""
    identity = {name: payload[name] for name in (*IDENTITY, *IDENTITY_OF_CLICKS) if payload.get(name) is not None}
    known = any(name in identity for name in ("message-id", "messageId", "camp_id"))
    whole = identity if known else payload
    return hashlib.blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=20).hexdigest()


def interpret(payload: Mapping[str, Any]) -> BrevoEvent:
    """Interpret a stored event. It never fails: unknown events are of kind OTHER."""
    if "event" not in payload and "msg_status" in payload:
        return _sms(payload)
    marketing = "camp_id" in payload or "campaign name" in payload
    return BrevoEvent(
        source=EventSource.MARKETING if marketing else EventSource.EMAIL,
        kind=EMAIL_EVENTS.get(_text(payload.get("event")), Kind.OTHER),
        address=_text(payload.get("email")),
        message_id=_text(payload.get("message-id")),
        custom_ids=_texts(payload.get("X-Mailin-custom")),
    )


def _sms(payload: Mapping[str, Any]) -> BrevoEvent:
    return BrevoEvent(
        source=EventSource.SMS,
        kind=SMS_EVENTS.get(_text(payload.get("msg_status")), Kind.OTHER),
        address="".join(letter for letter in _text(payload.get("to")) if letter in "0123456789"),
        message_id=_text(payload.get("messageId")),
        custom_ids=_texts(payload.get("tag")),
    )


def _text(value: Any) -> str:
    return str(value)[:320] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _texts(value: Any) -> tuple[str, ...]:
    """The tags. Brevo sends text, a list, or text that holds a JSON list."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ()
    items = value if isinstance(value, list) else [value]
    return tuple(text for item in items[:10] if (text := _text(item)))
