"""A process that dies at a line of our own operations."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import charges.operations
import orders.operations
from tests.support.payments import Died

CHARGES = str(Path(charges.operations.__path__[0]))
FOLDERS = (CHARGES, str(Path(orders.operations.__path__[0])))


class Lines:
    """Notes the lines of the charges' operations as they run for the first time, or dies at one of them."""

    def __init__(self, die_at: tuple[str, int] | None = None) -> None:
        self.seen: dict[tuple[str, int], None] = {}
        self.die_at = die_at

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(CHARGES) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        line = (Path(frame.f_code.co_filename).name, frame.f_lineno)
        if event == "line":
            if line == self.die_at:
                sys.settrace(None)
                raise Died(f"{line}")
            self.seen.setdefault(line)
        return self._line


class DiesAfter:
    """Dies once so many lines of the charges' and orders' operations have run."""

    def __init__(self, lines: int) -> None:
        self.left = lines

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(FOLDERS) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            self.left -= 1
            if self.left <= 0:
                sys.settrace(None)
                raise Died(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        return self._line
