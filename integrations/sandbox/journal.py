"""The journal of all received requests, for tests that count calls and for the page. It contains no secrets."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

MAX_ENTRIES = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    provider: str
    method: str
    path: str
    idempotency_key: str | None
    status: int | None
    """None means that the connection was dropped without a response."""
    replayed: bool
    faults: list[str]
    at: float
    ms: float


class Journal:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self.generation = 1
        """Changes when the journal is cleared. A request that began before that is not recorded."""

    def add(self, entry: Entry, *, generation: int) -> None:
        with self._lock:
            if generation == self.generation:
                self._entries.append(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self.generation += 1

    def entries(self, *, provider: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Oldest first; `path` matches anywhere in the path."""
        with self._lock:
            entries = list(self._entries)
        return [
            asdict(entry)
            for entry in entries
            if (provider is None or entry.provider == provider) and (path is None or path in entry.path)
        ]
