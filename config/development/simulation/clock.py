"""The simulated time of this process, of its database session and of the sandbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.utils import timezone

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Clock:
    """The time that ``timezone.now()`` returns. It stands still until it is moved."""

    def __init__(self, start: dt.datetime = START) -> None:
        self.now = start

    def __call__(self) -> dt.datetime:
        return self.now

    def move_to(self, moment: dt.datetime) -> None:
        """Move forward. The database session gets the same time for ``now()`` and ``statement_timestamp()``."""
        if moment > self.now:
            self.now = moment
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('simulation.now', %s, false)", [self.now.isoformat()])


@contextmanager
def simulated(clock: Clock) -> Iterator[None]:
    """Replace the time of this process within this block."""
    real = timezone.now
    timezone.now = clock
    try:
        clock.move_to(clock.now)
        yield
    finally:
        timezone.now = real
