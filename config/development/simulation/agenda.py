"""A queue of actions in the order of their times."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
from collections.abc import Callable

Action = Callable[[], None]


class Agenda:
    """Actions by their time. Actions of the same time run in the order in which they were added."""

    def __init__(self) -> None:
        self._actions: list[tuple[dt.datetime, int, Action]] = []
        self._numbers = itertools.count()

    def add(self, at: dt.datetime, action: Action) -> None:
        heapq.heappush(self._actions, (at, next(self._numbers), action))

    @property
    def next_at(self) -> dt.datetime | None:
        """The time of the next action, or None."""
        return self._actions[0][0] if self._actions else None

    def run_until(self, moment: dt.datetime) -> None:
        """Run the actions that are due at ``moment``, also the actions that they add."""
        while self._actions and self._actions[0][0] <= moment:
            heapq.heappop(self._actions)[2]()
