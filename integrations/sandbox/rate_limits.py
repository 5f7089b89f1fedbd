"""Token buckets, as the providers use them for rate limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """`per_second` tokens a second, at most `burst` at once; `per_second=None` means no limit."""

    def __init__(self, *, per_second: float | None, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.configure(per_second=per_second, burst=burst)

    def configure(self, *, per_second: float | None, burst: float) -> None:
        with self._lock:
            self.per_second, self.burst = per_second, burst
            self._tokens, self._at = float(burst), self._clock()

    def take(self) -> tuple[bool, int, float]:
        """Take one token: (whether there was a token, how many are left, seconds until the next one)."""
        with self._lock:
            if self.per_second is None:
                return True, int(self.burst), 0.0
            now = self._clock()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
            self._at = now
            if self._tokens < 1:
                return False, 0, (1 - self._tokens) / self.per_second
            self._tokens -= 1
            return True, int(self._tokens), 0.0
