"""Stripe's idempotency keys (docs.stripe.com/api/idempotent_requests).

Once execution has begun, the status and body are stored for 24 hours by account and key, for a success or a failure.
Validation errors, 401, 429 and conflicts are not stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrations.sandbox.stripe_api.errors import StripeError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

RETENTION_SECONDS = 24 * 3600
MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The stored response to an earlier request."""

    status: int
    body: bytes
    request_id: str


def fingerprint(method: str, path: str, params: Mapping[str, Any]) -> str:
    text = json.dumps([method, path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def begin(sandbox: Sandbox, *, scope: str, key: str, fingerprint: str, request_id: str) -> StoredResponse | None:
    """Claim a key for this request, or return the response that is stored under it.

    Raises 400 `idempotency_error` if the key was used with another request, and 409 if the first is still running.
    """
    if len(key) > MAX_KEY_LENGTH:
        raise StripeError(
            f"Idempotency keys must be at most {MAX_KEY_LENGTH} characters; yours has {len(key)}.",
            type="invalid_request_error",
        )
    store, now = sandbox.store, sandbox.clock()
    with store.transaction():
        store.execute(
            "DELETE FROM idempotency WHERE scope = ? AND key = ? AND created <= ? AND status IS NOT NULL",
            (scope, key, now - RETENTION_SECONDS),
        )
        rows = store.execute(
            "SELECT fingerprint, status, body, request_id FROM idempotency WHERE scope = ? AND key = ?",
            (scope, key),
        )
        if not rows:
            store.execute(
                "INSERT INTO idempotency (scope, key, fingerprint, request_id, created) VALUES (?, ?, ?, ?, ?)",
                (scope, key, fingerprint, request_id, now),
            )
            return None
    known, status, body, original = rows[0]
    if known != fingerprint:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request.",
            type="idempotency_error",
        )
    if status is None:
        raise StripeError(
            "There is currently another in-progress request using this Idempotent Key (that probably "
            f"means you submitted twice, and the other request is still going through): {key}. Please try "
            "again later.",
            status=409,
            type="idempotency_error",
            code="idempotency_key_in_use",
        )
    return StoredResponse(status, body, original)


def store_response(sandbox: Sandbox, *, scope: str, key: str, status: int, body: bytes) -> None:
    sandbox.store.execute(
        "UPDATE idempotency SET status = ?, body = ? WHERE scope = ? AND key = ?", (status, body, scope, key)
    )


def release(sandbox: Sandbox, *, scope: str, key: str) -> None:
    """Release the claim, because execution never began."""
    sandbox.store.execute("DELETE FROM idempotency WHERE scope = ? AND key = ? AND status IS NULL", (scope, key))
