"""Ends process groups: with SIGTERM first, then with SIGKILL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

POLL_SECONDS = 0.05
# The kernel needs less time. If a process is still there, it is dead, and its parent has not collected it.
KILL_TIMEOUT_SECONDS = 1.0


def end(groups: Iterable[int], *, grace: float, reap: Callable[[], object] = lambda: None) -> None:
    """Send SIGTERM to the leader of each group, and SIGKILL to the remaining processes after ``grace`` seconds.

    Only the leaders get SIGTERM: a worker lets its child processes finish their tasks.
    ``reap`` collects the exit codes of child processes, so that ended ones are recognized.
    """
    groups = list(groups)
    for group in groups:
        send_signal(group, signal.SIGTERM, only_leader=True)
    _wait_until_gone(groups, seconds=grace, reap=reap)
    for group in groups:
        send_signal(group, signal.SIGKILL)
    _wait_until_gone(groups, seconds=KILL_TIMEOUT_SECONDS, reap=reap)


def _wait_until_gone(groups: list[int], *, seconds: float, reap: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        reap()
        if not any(exists(group) for group in groups):
            return
        time.sleep(POLL_SECONDS)


def exists(group: int) -> bool:
    """Whether a process of this group is still alive."""
    return send_signal(group, 0)


def send_signal(group: int, number: int, *, only_leader: bool = False) -> bool:
    """Send a signal to a group, or only to its leader. Return False if it does not exist."""
    try:
        (os.kill if only_leader else os.killpg)(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
