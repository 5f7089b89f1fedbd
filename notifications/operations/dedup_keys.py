"""Which of several messages of one kind about one order a message is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

MAX_KEY_LENGTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupKey:
    """What a message is about besides its order: at most one of these. Numbers count from one; 0 is none, as in
    messages from before they carried it."""

    attempt_number: int = 0
    step_number: int = 0
    refund_id: UUID | None = None
    request: str = ""

    @property
    def value(self) -> str:
        """What tells it from the others on the row, or an empty string."""
        if self.attempt_number:
            return f"attempt-{self.attempt_number}"
        if self.step_number:
            return f"step-{self.step_number}"
        return str(self.refund_id or self.request)[:MAX_KEY_LENGTH]


# Of the kinds that come once in an order's life.
NO_DEDUP_KEY = DedupKey()
