"""One stack per data folder: who holds the lock runs it, and writes down how to reach it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

NAME = "run.lock"


class AlreadyRunning(Exception):
    """Another launcher runs in this data folder."""


class RunLock:
    """Held until it is closed or the process ends, however it ends."""

    def __init__(self, data: Path) -> None:
        """Take the lock. Raises ``AlreadyRunning``."""
        data.mkdir(parents=True, exist_ok=True)
        self._file = (data / NAME).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            there = _read(data / NAME).get("web_url", "it is still starting")
            raise AlreadyRunning(
                f"The shop already runs in {data} ({there}). Place an order with: make checkout"
            ) from None
        self.tell()

    def tell(self, **facts: Any) -> None:
        """Write down what others may want to know of this stack."""
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), **facts}))
        self._file.flush()

    def close(self) -> None:
        """Let the next one have it."""
        self._file.close()


def running(data: Path) -> dict[str, Any] | None:
    """What the launcher in this folder told, or None when there is none that is ready."""
    path = data / NAME
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            facts = _read(path)
            return facts if "web_url" in facts else None
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
