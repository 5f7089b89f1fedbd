"""Ends process groups: with SIGTERM first, then with SIGKILL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

POLL = 0.05
# The kernel needs less time. A process that is still there is dead, and its parent has not collected it.
KILLED_WITHIN = 1.0


def end(groups: Iterable[int], *, grace: float, reap: Callable[[], object] = lambda: None) -> None:
    """Send SIGTERM to the leader of each group, and SIGKILL to the remaining processes after ``grace`` seconds.

    Only the leaders get SIGTERM: a worker lets its child processes finish their tasks.
    ``reap`` collects the exit codes of child processes, so that ended ones are recognized.
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
    """Whether a process of this group is still alive."""
    return tell(group, 0)


def tell(group: int, number: int, *, whole: bool = True) -> bool:
    """Send a signal to a group, or only to its leader. Return False if it does not exist."""
    try:
        (os.killpg if whole else os.kill)(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
