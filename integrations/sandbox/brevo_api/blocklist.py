"""/v3/smtp/blockedContacts: addresses that no longer receive transactional mail.

Not the same as a contact's `emailBlacklisted`, which stops campaigns only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations.sandbox.brevo_api.errors import BrevoError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

KIND = "brevo.blocked"
REASONS = {
    "hard_bounce": ("hardBounce", "Hard bounced"),
    "spam": ("contactFlaggedAsSpam", "Contact flagged as spam"),
    "unsubscribed": ("unsubscribedViaEmail", "Unsubscribed via email"),
}


def add(sandbox: Sandbox, address: str, *, reason: str) -> None:
    code, message = REASONS[reason]
    blocked = {
        "id": _id(address),
        "email": address.lower(),
        "senderEmail": "",
        "reason": {"code": code, "message": message},
        "blockedAt": datetime.fromtimestamp(sandbox.clock(), UTC).isoformat(timespec="milliseconds"),
    }
    sandbox.store.put(KIND, blocked, created=sandbox.clock(), refs={})


def has(sandbox: Sandbox, address: str) -> bool:
    return sandbox.store.get(KIND, _id(address)) is not None


def remove(sandbox: Sandbox, address: str) -> tuple[int, Any]:
    if not has(sandbox, address):
        raise BrevoError("Contact is not blocked", status=404)
    sandbox.store.delete(_id(address))
    return 204, None


def listing(sandbox: Sandbox, *, limit: int, offset: int) -> tuple[int, Any]:
    found, _ = sandbox.store.page(KIND, limit=limit + offset)
    shown = [{name: value for name, value in blocked.items() if name != "id"} for blocked in found[offset:]]
    return 200, {"contacts": shown, "count": sandbox.store.count(KIND)}


def _id(address: str) -> str:
    return f"blocked.{address.lower()}"
