"""The output on the terminal: one line for each step, with a mark when it is done."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TextIO

GREEN, RED, DIM, BOLD = "32", "31", "2", "1"
PROGRESS_INTERVAL_SECONDS = 2.0  # seconds between two progress lines on a stream whose lines cannot be rewritten
NAME_WIDTH = 16


class Screen:
    """Lines on a stream. On a terminal the last line is rewritten to show progress. Other streams get new lines, and
    no color."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rewrites = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colors = self._rewrites and not os.environ.get("NO_COLOR")
        self._pending = False
        self._printed_at = time.monotonic()

    def line(self, text: str = "") -> None:
        self._clear()
        self._write(f"{text}\n")
        self._printed_at = time.monotonic()

    def done(self, name: str, seconds: float | None = None, note: str = "") -> None:
        took = "" if seconds is None else f"{seconds:5.1f} s"
        self.line(f"  {self.paint('✓', GREEN)} {name:<{NAME_WIDTH}} {took:>7}  {self.paint(note, DIM)}".rstrip())

    def failed(self, name: str, reason: str) -> None:
        self.line(f"  {self.paint('✗', RED)} {name:<{NAME_WIDTH}} {reason}")

    def waiting(self, text: str) -> None:
        """Show what the launcher waits for. It may be called any number of times."""
        if self._rewrites:
            self._clear()
            self._write(f"  … {text}"[: _width(self._stream)])
            self._pending = True
        elif time.monotonic() - self._printed_at >= PROGRESS_INTERVAL_SECONDS:
            self.line(f"  … {text}")

    def paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colors and text else text

    def _clear(self) -> None:
        if self._pending:
            self._write("\r\033[K")
            self._pending = False

    def _write(self, text: str) -> None:
        # The reader is gone (`make run | head`, a closed terminal). The launcher must still end its processes.
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


def _width(stream: TextIO) -> int:
    try:
        return (os.get_terminal_size(stream.fileno()).columns or 80) - 1
    except OSError:
        return 79
