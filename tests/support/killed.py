"""A process that dies at a line of our own operations."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
from stripe._api_requestor import _APIRequestor

import charges.operations
import orders.operations
from tests.support.payments import Died

CHARGES = str(Path(charges.operations.__path__[0]))
FOLDERS = (CHARGES, str(Path(orders.operations.__path__[0])))
COMMIT = psycopg.Connection.commit.__code__
EXECUTE = psycopg.Cursor.execute.__code__
ASK_STRIPE = _APIRequestor.request_raw.__code__

# A file of the operations, a line of it, and the how-manieth run of that line.
Moment = tuple[str, int, int]


class Moments:
    """Notes the lines of the charges' operations at which a death leaves something else behind than at the line noted
    before, because something has been committed since, or asked of Stripe. Or dies at one of them.

    Of lines that leave the same behind the last is noted, where the most is lost.
    """

    def __init__(self, die_at: Moment | None = None) -> None:
        self.seen: list[Moment] = []
        self.die_at = die_at
        self._runs: Counter[tuple[str, int]] = Counter()
        self._lasting = 0
        self._noted_at = -1

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        self._lasting += outlives_the_process(frame)
        return self._line if frame.f_code.co_filename.startswith(CHARGES) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            line = (Path(frame.f_code.co_filename).name, frame.f_lineno)
            self._runs[line] += 1
            self._reached((*line, self._runs[line]))
        return self._line

    def _reached(self, moment: Moment) -> None:
        if moment == self.die_at:
            sys.settrace(None)
            raise Died(f"{moment}")
        if self._noted_at == self._lasting:
            self.seen[-1] = moment
        else:
            self.seen.append(moment)
            self._noted_at = self._lasting


def outlives_the_process(call: FrameType) -> bool:
    """Whether a function that is called commits, or asks Stripe for something."""
    if call.f_code is EXECUTE:
        cursor, statement = call.f_locals["self"], call.f_locals["query"]
        return bool(cursor.connection.autocommit) and not str(statement).startswith("SELECT")
    return call.f_code in (COMMIT, ASK_STRIPE)


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
