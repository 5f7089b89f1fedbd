from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """An invariant in one sentence, the query for its violations, and the next step for staff."""

    name: str
    sentence: str
    query: str
    next_step: str
