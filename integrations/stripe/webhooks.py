"""Verify and read Stripe's webhooks (docs.stripe.com/webhooks)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE = 300  # seconds between the signature and its receipt, in both directions
SECRET_FIELDS = frozenset({"client_secret"})
MAX_ID_LENGTH = 255


class BadWebhook(Exception):
    """The request is not a readable event from Stripe; answer 400."""


class BadSignature(BadWebhook):
    """The signature matches none of the secrets, is too old, or is from the future."""


class BadPayload(BadWebhook):
    """The signature is valid, but the body is not a Stripe event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvent:
    """An event from Stripe. ``payload`` is the whole event without client secrets."""

    id: str
    type: str
    payload: dict[str, Any]


def verified_event(*, body: bytes, signature: str, secrets: Sequence[str], now: float) -> StripeEvent:
    """The event in ``body``, signed with any of ``secrets`` (there are two while a secret is rotated).

    ``now`` in seconds since the epoch. Raises ``BadSignature`` and ``BadPayload``.
    """
    text = _text(body)
    if not any(_signed(text, signature, secret) for secret in secrets):
        raise BadSignature("The signature does not match.")
    # The SDK rejects only old timestamps. A signature from the future would stay valid for too long.
    if abs(now - _timestamp(signature)) > TOLERANCE:
        raise BadSignature("The signature's timestamp is too old or in the future.")
    return _event(text)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadPayload("The body is not UTF-8.") from None


def _signed(text: str, signature: str, secret: str) -> bool:
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        return bool(WebhookSignature.verify_header(text, signature, secret))
    except (SignatureVerificationError, TypeError):  # TypeError: a signature that is not ASCII
        return False


def _timestamp(signature: str) -> int:
    # Stripe signs the first ``t``. verify_header() has already checked that it is a number.
    return next(int(item[2:]) for item in signature.split(",") if item.startswith("t="))


def _event(text: str) -> StripeEvent:
    try:
        return event_in(json.loads(text, parse_constant=_not_json))
    except (ValueError, RecursionError):
        raise BadPayload("The body is not JSON.") from None


def event_in(values: Any) -> StripeEvent:
    """The event in Stripe's JSON, ready to be stored. Raises ``BadPayload``."""
    payload = _cleaned(values)
    if not isinstance(payload, dict) or payload.get("object") != "event":
        raise BadPayload("The body is not an event.")
    id, type_ = payload.get("id"), payload.get("type")
    if not (isinstance(id, str) and 0 < len(id) <= MAX_ID_LENGTH and isinstance(type_, str) and type_):
        raise BadPayload("The event has no id or no type.")
    return StripeEvent(id=id, type=type_, payload=payload)


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _cleaned(value: Any) -> Any:
    """The value without client secrets, and without characters that PostgreSQL cannot store in JSON."""
    match value:
        case dict():
            return {_cleaned(key): _cleaned(item) for key, item in value.items() if key not in SECRET_FIELDS}
        case list():
            return [_cleaned(item) for item in value]
        case str():
            return value.replace("\x00", "").encode(errors="replace").decode()
    return value
