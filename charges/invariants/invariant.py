from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A promise in one sentence, the query for what breaks it, and what staff do about that."""

    name: str
    sentence: str
    query: str
    next_step: str
