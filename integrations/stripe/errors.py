"""What can go wrong at Stripe, told apart by what may be done about it (docs.stripe.com/api/errors)."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.errors import (
    ProviderError,
    ProviderRefused,
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
    """401 or 403: our key is wrong or lacks a right. Nothing was done; somebody has to mend the
    configuration."""


class KeyInUse(ProviderUnclear):
    """409: an earlier request under this key is still running. The same key will give its answer shortly."""


class IdempotencyKeyExhausted(ProviderUnclear):
    """What is stored under this key can never become an answer: a replayed 5xx. Its request has ended, so the
    object's state is final for it: read that, and ask anew under another key."""


class IdempotencyKeyReused(IdempotencyKeyExhausted):
    """The key was used before with other parameters: a mistake of ours. That other request may have had its
    effect."""


class IntentStateChanged(ProviderUnclear):
    """The intent is no longer in a state in which this can be done to it: somebody else was faster. Read it
    again."""


class InvalidRequest(ProviderRefused):
    """400 or 404: the request is wrong and had no effect. ``code`` and ``param`` are Stripe's, and say what
    is wrong."""

    def __init__(self, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class CardDeclined(ProviderRefused):
    """The bank refused this card. An outcome, not a failure: it is recorded, and never tried again by the
    ladder.

    ``intent`` is None where the card was refused before there was one, when it was attached.
    """

    def __init__(self, message: str, *, decline: Decline, intent: PaymentIntent | None) -> None:
        super().__init__(message)
        self.decline = decline
        self.intent = intent


class AuthenticationRequired(CardDeclined):
    """The bank wants the customer to authenticate. Not a decline: no retry without the customer will help."""


def classified(error: stripe.StripeError) -> ProviderError:
    """The error of ours that says what may be done. The HTTP status and Stripe's code decide, not the SDK's
    class: its APIError covers a certain 409 and an unclear 500 alike."""
    ours = _without_answer(error) if error.http_status is None else _by_status(error, error.http_status)
    ours.provider = "stripe"
    if isinstance(ours, TransientError):
        ours.retry_after = _retry_after(error)
    return ours


def _without_answer(error: stripe.StripeError) -> ProviderError:
    if _never_connected(error.__cause__):
        return ProviderUnavailable("Stripe could not be reached.")
    return ProviderUnclear(f"Stripe did not answer ({type(error.__cause__).__name__}).")


def _by_status(error: stripe.StripeError, status: int) -> ProviderError:
    body = _error_body(error)
    code = str(body.get("code") or "")
    told = _told(error, status, code)
    match status:
        case 429:
            return ProviderThrottled(told)
        case 400 if code == "rate_limit":
            return ProviderThrottled(told)
        case 400 | 404 if body.get("type") == "idempotency_error":
            logger.error("An idempotency key was used with other parameters: %s", told)
            return IdempotencyKeyReused(told)
        case 400 if code == "payment_intent_unexpected_state":
            return IntentStateChanged(told)
        case 401 | 403:
            logger.error("Stripe does not accept our key: %s", told)
            return NotAuthorized(told)
        case 402 if body.get("type") == "card_error":
            return _declined(told, body)
        case 409:
            return KeyInUse(told)
        case 400 | 402 | 404 if body.get("type"):  # a 404 of some proxy is no refusal by Stripe
            return InvalidRequest(told, code=code, param=str(body.get("param") or ""))
    # 424, 5xx, a body that is no JSON (even with 200), and whatever Stripe may come up with: it may have had
    # its effect.
    if status >= 500 and _header(error, "Idempotent-Replayed") == "true":
        return IdempotencyKeyExhausted(told)
    return ProviderUnclear(told)


def _declined(told: str, body: Mapping[str, Any]) -> CardDeclined:
    reason = decline(body)
    intent = None
    if body.get("payment_intent"):
        # The decline counts, whatever has become of the intent that comes with it.
        with contextlib.suppress(KeyError, TypeError, ValueError):
            intent = payment_intent(body["payment_intent"])
    kind = AuthenticationRequired if reason.needs_authentication else CardDeclined
    return kind(told, decline=reason, intent=intent)


def _told(error: stripe.StripeError, status: int, code: str) -> str:
    """For the log. Stripe's own message may quote what the customer typed, so it is left out."""
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
    """Whether no connection came about, so that certainly nothing was sent."""
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
