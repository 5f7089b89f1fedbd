"""How long to wait after failures. All times are in seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

# A worker must receive again within 5 s of SQS's return; the wait and one request have to fit in.
FIRST_WAIT = 0.25
MAX_WAIT = 3.5
MIN_WAIT = 0.1

MAX_DOUBLINGS = 30


def exponential(failures: int, *, first: float, maximum: float) -> float:
    """The wait after this many failures: ``first``, then twice as long after each further one, up to ``maximum``."""
    doublings = min(max(failures - 1, 0), MAX_DOUBLINGS)
    return min(first * 2.0**doublings, maximum)


def jittered(seconds: float, *, chance: Callable[[], float] = random.random) -> float:
    """A random wait from half of ``seconds`` to all of them, so that processes do not retry at the same moment."""
    return seconds * (0.5 + 0.5 * chance())


class Backoff:
    """Counts the consecutive failures of one remote and says when to ask it again."""

    def __init__(
        self,
        *,
        first: float = FIRST_WAIT,
        maximum: float = MAX_WAIT,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.failures = 0
        self._first = first
        self._maximum = maximum
        self._clock = clock
        self._chance = chance
        self._failing_since = 0.0
        self._asked_at: float | None = None
        self._ask_again_at = 0.0

    @property
    def is_failing(self) -> bool:
        return self.failures > 0

    @property
    def failing_seconds(self) -> float:
        """The time since the first of these failures."""
        return self._clock() - self._failing_since if self.is_failing else 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early to ask again."""
        return self.is_failing and self._clock() < self._ask_again_at

    @property
    def wait_seconds(self) -> float:
        """The time until the next request, at least ``MIN_WAIT``."""
        return max(self._ask_again_at - self._clock(), MIN_WAIT) if self.is_failing else MIN_WAIT

    def asking(self) -> None:
        """Start of a request. If it fails, the wait counts from here, so the duration of the request is part of it."""
        self._asked_at = self._clock()

    def failed(self) -> None:
        now = self._clock()
        if not self.is_failing:
            self._failing_since = now
        self.failures += 1
        wait = jittered(exponential(self.failures, first=self._first, maximum=self._maximum), chance=self._chance)
        self._ask_again_at = (now if self._asked_at is None else self._asked_at) + wait
        self._asked_at = None

    def succeeded(self) -> None:
        self.failures = 0
