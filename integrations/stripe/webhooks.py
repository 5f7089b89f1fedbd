"""Is it Stripe that speaks, and what does it say (docs.stripe.com/webhooks)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE = 300  # seconds that Stripe's clock and ours may differ, the delivery included
SECRET_FIELDS = frozenset({"client_secret"})
MAX_ID_LENGTH = 255


class BadWebhook(Exception):
    """The request is not an event from Stripe that we can read; answer 400."""


class BadSignature(BadWebhook):
    """None of our secrets made this signature, or it was made too long ago or in the future."""


class BadPayload(BadWebhook):
    """The signature is good, but the body is not a Stripe event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvent:
    """An event that comes from Stripe. ``payload`` is the whole of it, without client secrets."""

    id: str
    type: str
    payload: dict[str, Any]


def verified_event(*, body: bytes, signature: str, secrets: Sequence[str], now: float) -> StripeEvent:
    """The event in ``body``, signed with any of ``secrets`` (two while one takes the other's place).

    ``now`` in seconds since the epoch. Raises ``BadSignature`` and ``BadPayload``.
    """
    text = _text(body)
    if not any(_signed(text, signature, secret) for secret in secrets):
        raise BadSignature("The signature does not match.")
    # The SDK refuses old timestamps only; one from the future would be good for as long as its sender liked.
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
    # The first ``t`` is the one that was signed; verify_header() has read it as a number already.
    return next(int(item[2:]) for item in signature.split(",") if item.startswith("t="))


def _event(text: str) -> StripeEvent:
    try:
        return event_in(json.loads(text, parse_constant=_not_json))
    except (ValueError, RecursionError):
        raise BadPayload("The body is not JSON.") from None


def event_in(values: Any) -> StripeEvent:
    """The event that Stripe's JSON holds, fit to be stored. Raises ``BadPayload``."""
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
    """Without client secrets, and without what PostgreSQL cannot store in JSON (NUL, half surrogates)."""
    match value:
        case dict():
            return {_cleaned(key): _cleaned(item) for key, item in value.items() if key not in SECRET_FIELDS}
        case list():
            return [_cleaned(item) for item in value]
        case str():
            return value.replace("\x00", "").encode(errors="replace").decode()
    return value
