"""Ending process groups: politely first, for good in the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

POLL = 0.05
# The kernel takes no longer; what is still there then is dead, and waits for a parent that does not ask.
KILLED_WITHIN = 1.0


def end(groups: Iterable[int], *, grace: float, reap: Callable[[], object] = lambda: None) -> None:
    """SIGTERM to each group's leader, SIGKILL after ``grace`` seconds to whatever is left of the groups.

    Only the leaders are asked: a worker's children must finish their tasks, which is their parent's to arrange.
    ``reap`` collects the exit codes of those that are our children, so that the ended are seen as such.
    """
    groups = list(groups)
    for group in groups:
        tell(group, signal.SIGTERM, whole=False)
    _wait_until_gone(groups, seconds=grace, reap=reap)
    for group in groups:
        tell(group, signal.SIGKILL)
    _wait_until_gone(groups, seconds=KILLED_WITHIN, reap=reap)


def _wait_until_gone(groups: list[int], *, seconds: float, reap: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        reap()
        if not any(exists(group) for group in groups):
            return
        time.sleep(POLL)


def exists(group: int) -> bool:
    """Is any process of this group left?"""
    return tell(group, 0)


def tell(group: int, number: int, *, whole: bool = True) -> bool:
    """Send a signal to a group, or to its leader alone; False when there is none."""
    try:
        (os.killpg if whole else os.kill)(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
