"""Ends the processes that the launcher started if the launcher is killed or crashes.

The guard is a separate process that reads from a pipe: ``+group`` when a process group started, ``-group`` when it
ended, and ``done`` when all have ended. If the pipe closes without ``done``, the launcher has died.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TextIO

from config.development import groups, postgres

GRACE_SECONDS = 5.0


class Guard:
    """The end of the pipe that the launcher writes to."""

    def __init__(self, *, database: Path | None, cwd: Path) -> None:
        arguments = [sys.executable, "-m", "config.development.guard", *([str(database)] if database else [])]
        self._process = subprocess.Popen(arguments, cwd=cwd, stdin=subprocess.PIPE, text=True, start_new_session=True)

    def watch(self, group: int) -> None:
        self._write(f"+{group}")

    def forget(self, group: int) -> None:
        self._write(f"-{group}")

    def dismiss(self) -> None:
        """Tell the guard that everything has ended, so that it exits."""
        self._write("done")
        self._process.wait(timeout=GRACE_SECONDS)

    def _write(self, line: str) -> None:
        pipe = self._process.stdin
        if pipe is not None:
            with contextlib.suppress(OSError):  # the launcher goes on if the guard was killed
                pipe.write(f"{line}\n")
                pipe.flush()


def running_groups(lines: TextIO) -> list[int] | None:
    """Read until the pipe closes. Return the groups that are still running, or None after ``done``."""
    watched: list[int] = []
    for line in lines:
        entry = line.strip()
        if entry == "done":
            return None
        if entry.startswith("+"):
            watched.append(int(entry[1:]))
        elif entry.startswith("-") and int(entry[1:]) in watched:
            watched.remove(int(entry[1:]))
    return watched


def main() -> None:
    left = running_groups(sys.stdin)
    if left is None:
        return
    groups.end(reversed(left), grace=GRACE_SECONDS)
    if len(sys.argv) > 1:
        postgres.stop_unless_used(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
