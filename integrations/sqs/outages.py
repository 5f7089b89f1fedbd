"""How long to leave SQS alone when it does not answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 3.5  # a worker must consume again within 5 s of SQS's return, one probe included
SHORTEST_PAUSE = 0.1


class Outage:
    """Consecutive failures against one queue, and the pause that they have earned (seconds)."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self.failures = 0
        self._began = 0.0
        self._asked = 0.0

    @property
    def active(self) -> bool:
        return self.failures > 0

    @property
    def seconds(self) -> float:
        """Since the first failure."""
        return self._clock() - self._began if self.active else 0.0

    def asking(self) -> None:
        """A request is being sent; pauses run from here, so that waiting for an answer counts as waiting."""
        self._asked = self._clock()

    def failed(self) -> None:
        if not self.active:
            self._began = self._clock()
        self.failures += 1

    def over(self) -> None:
        self.failures = 0

    def pause(self) -> float:
        """Seconds until the next request: doubling from FIRST_PAUSE to LONGEST_PAUSE, with jitter downward."""
        longest = min(FIRST_PAUSE * 2 ** min(max(self.failures - 1, 0), 10), LONGEST_PAUSE)
        period = longest * (0.6 + 0.4 * self._jitter())  # a fleet must not return in step
        return max(period - (self._clock() - self._asked), SHORTEST_PAUSE)
