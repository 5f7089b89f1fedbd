"""Ends what the launcher started when the launcher itself is gone without a word (``kill -9``, a crash).

It is a process of its own that reads what the launcher writes: ``+group`` for one that started, ``-group`` for one
that ended, ``bye`` when there is nothing left to do. A pipe that closes without ``bye`` is a launcher that died.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TextIO

from config.development import groups, postgres

GRACE = 5.0


class Guard:
    """The launcher's end of the pipe."""

    def __init__(self, *, database: Path | None, cwd: Path) -> None:
        arguments = [sys.executable, "-m", "config.development.guard", *([str(database)] if database else [])]
        self._process = subprocess.Popen(arguments, cwd=cwd, stdin=subprocess.PIPE, text=True, start_new_session=True)

    def watch(self, group: int) -> None:
        self._say(f"+{group}")

    def forget(self, group: int) -> None:
        self._say(f"-{group}")

    def dismiss(self) -> None:
        """Everything has ended; the guard may go."""
        self._say("bye")
        self._process.wait(timeout=GRACE)

    def _say(self, word: str) -> None:
        pipe = self._process.stdin
        if pipe is not None:
            with contextlib.suppress(OSError):  # a guard that somebody killed is no reason to stop
                pipe.write(f"{word}\n")
                pipe.flush()


def left_behind(words: TextIO) -> list[int] | None:
    """Read until the pipe closes; the groups that are left, or None when the launcher said ``bye``."""
    watched: list[int] = []
    for line in words:
        word = line.strip()
        if word == "bye":
            return None
        if word.startswith("+"):
            watched.append(int(word[1:]))
        elif word.startswith("-") and int(word[1:]) in watched:
            watched.remove(int(word[1:]))
    return watched


def main() -> None:
    left = left_behind(sys.stdin)
    if left is None:
        return
    groups.end(reversed(left), grace=GRACE)
    if len(sys.argv) > 1:
        postgres.stop_unless_used(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
