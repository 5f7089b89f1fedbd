"""Distinguish several messages of one kind about one order, so that each is sent once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

MAX_KEY_LENGTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupKey:
    """The subject of a message besides its order. At most one field is set. Numbers count from one; 0 means not set."""

    attempt_number: int = 0
    step_number: int = 0
    refund_id: UUID | None = None
    request: str = ""

    @property
    def value(self) -> str:
        """The text for ``Notification.dedup_key``; empty if no field is set."""
        if self.attempt_number:
            return f"attempt-{self.attempt_number}"
        if self.step_number:
            return f"step-{self.step_number}"
        return str(self.refund_id or self.request)[:MAX_KEY_LENGTH]


# For kinds that are sent once per order.
NO_DEDUP_KEY = DedupKey()
