"""Stripe's errors, classified by what the caller can do about them (docs.stripe.com/api/errors)."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.errors import (
    ProviderError,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    ProviderUnclear,
    TransientError,
)
from integrations.stripe.results import Decline, PaymentIntent, as_mapping, decline, payment_intent

if TYPE_CHECKING:
    import stripe

logger = logging.getLogger(__name__)


class NotAuthorized(ProviderUnavailable):
    """401 or 403: the API key is wrong or lacks a right. The request had no effect; a person has to correct the key."""


class KeyInUse(ProviderUnclear):
    """409: an earlier request with this idempotency key is still running. Use the same key again shortly."""


class IdempotencyKeyExhausted(ProviderUnclear):
    """Stripe stored a 5xx under this idempotency key and repeats it forever.

    The request has ended, so the object shows its final effect. Read the object, then use a new key.
    """


class IdempotencyKeyReused(IdempotencyKeyExhausted):
    """The idempotency key was used with other parameters, which is a bug. The other request may have had its effect."""


class IntentStateChanged(ProviderUnclear):
    """The intent's state no longer allows this call, because it has changed meanwhile. Read the intent again."""


class InvalidRequest(ProviderRejected):
    """400 or 404: the request is invalid and had no effect. Stripe's ``code`` and ``param`` tell the reason."""

    def __init__(self, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class CardDeclined(ProviderRejected):
    """The bank declined this card. This is an outcome and no failure: record it; the retry ladder never repeats it.

    ``intent`` is None if the bank declined the card when it was attached.
    """

    def __init__(self, message: str, *, decline: Decline, intent: PaymentIntent | None) -> None:
        super().__init__(message)
        self.decline = decline
        self.intent = intent


class AuthenticationRequired(CardDeclined):
    """The bank requires the customer to authenticate. It is not a decline; a retry without the customer cannot help."""


def classified(error: stripe.StripeError) -> ProviderError:
    """The project's error for an SDK exception.

    The HTTP status and Stripe's code decide, not the SDK's class: APIError covers a harmless 409 and an unclear 500.
    """
    result = _without_response(error) if error.http_status is None else _by_status(error, error.http_status)
    result.provider = "stripe"
    if isinstance(result, TransientError):
        result.retry_after = _retry_after(error)
    return result


def _without_response(error: stripe.StripeError) -> ProviderError:
    if _never_connected(error.__cause__):
        return ProviderUnavailable("Stripe could not be reached.")
    return ProviderUnclear(f"Stripe did not answer ({type(error.__cause__).__name__}).")


def _by_status(error: stripe.StripeError, status: int) -> ProviderError:
    body = _error_body(error)
    code = str(body.get("code") or "")
    text = _log_text(error, status, code)
    match status:
        case 429:
            return ProviderThrottled(text)
        case 400 if code == "rate_limit":
            return ProviderThrottled(text)
        case 400 | 404 if body.get("type") == "idempotency_error":
            logger.error("An idempotency key was used with other parameters: %s", text)
            return IdempotencyKeyReused(text)
        case 400 if code in ("payment_intent_unexpected_state", "setup_intent_unexpected_state"):
            return IntentStateChanged(text)
        case 401 | 403:
            logger.error("Stripe does not accept our key: %s", text)
            return NotAuthorized(text)
        case 402 if body.get("type") == "card_error":
            return _declined(text, body)
        case 409:
            return KeyInUse(text)
        case 400 | 402 | 404 if _is_text(body.get("type")):  # the 404 of a proxy has no type
            return InvalidRequest(text, code=code, param=str(body.get("param") or ""))
    # 424, 5xx, a body that is not JSON (even with status 200), and anything unknown: it may have had its effect.
    if status >= 500 and _header(error, "Idempotent-Replayed") == "true":
        return IdempotencyKeyExhausted(text)
    return ProviderUnclear(text)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _declined(text: str, body: Mapping[str, Any]) -> CardDeclined:
    reason = decline(body)
    intent = None
    if body.get("payment_intent"):
        # Report the decline even if the intent in the body cannot be read.
        with contextlib.suppress(KeyError, TypeError, ValueError):
            intent = payment_intent(body["payment_intent"])
    kind = AuthenticationRequired if reason.needs_authentication else CardDeclined
    return kind(text, decline=reason, intent=intent)


def _log_text(error: stripe.StripeError, status: int, code: str) -> str:
    """A text for logs. Stripe's own message is left out, because it may quote the customer's input."""
    request = _header(error, "Request-Id") or "no request id"
    return f"Stripe answered {status} {code or type(error).__name__} ({request})."


def _error_body(error: stripe.StripeError) -> Mapping[str, Any]:
    body = error.json_body
    values = body.get("error") if isinstance(body, Mapping) else None
    try:
        return as_mapping(values)
    except TypeError:
        return {}


def _header(error: stripe.StripeError, name: str) -> str:
    headers = error.headers or {}
    return next((str(value) for key, value in headers.items() if key.lower() == name.lower()), "")


def _retry_after(error: stripe.StripeError) -> float | None:
    try:
        seconds = float(_header(error, "Retry-After"))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _never_connected(cause: BaseException | None) -> bool:
    """Whether the connection failed before anything was sent."""
    import requests
    from urllib3 import exceptions as urllib3

    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(cause, requests.exceptions.ConnectionError) or not cause.args:
        return False
    reason = getattr(cause.args[0], "reason", None)
    if isinstance(reason, urllib3.SSLError):
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, urllib3.NewConnectionError | urllib3.ConnectTimeoutError)
