"""Allows one stack for each data folder. The launcher holds the lock and records how to reach the shop."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

NAME = "run.lock"


class AlreadyRunning(Exception):
    """Another launcher runs in this data folder."""


class NotRunning(Exception):
    """No shop runs in this data folder, or it is not ready."""


class RunLock:
    """A lock that is held until it is closed or the process ends."""

    def __init__(self, data: Path) -> None:
        """Take the lock. Raises ``AlreadyRunning``."""
        data.mkdir(parents=True, exist_ok=True)
        self._file = (data / NAME).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            address = _read(data / NAME).get("web_url", "it is still starting")
            raise AlreadyRunning(
                f"The shop already runs in {data} ({address}). Place an order with: make checkout"
            ) from None
        self.record()

    def record(self, **facts: Any) -> None:
        """Record the facts that other commands need about this stack."""
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), **facts}))
        self._file.flush()

    def close(self) -> None:
        """Release the lock."""
        self._file.close()


def running(data: Path) -> dict[str, Any]:
    """The facts that the launcher of this folder recorded. Raises ``NotRunning`` if no shop is ready."""
    facts = _read(data / NAME) if _is_held(data / NAME) else {}
    if "web_url" not in facts:
        raise NotRunning(f"The shop does not run in {data}.")
    return facts


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _read(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
