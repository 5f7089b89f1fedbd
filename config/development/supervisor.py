"""Starts parts, waits until they are ready, restarts them if they end, and ends them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event

from config.development import groups
from config.development.guard import Guard
from config.development.parts import Part
from config.development.screen import RED, Screen

READY_TIMEOUT_SECONDS = 90.0
GRACE_SECONDS = 12.0
POLL_SECONDS = 0.05


class PartFailed(Exception):
    """A part ended while it was starting, or was not ready in time."""

    def __init__(self, part: Part, reason: str) -> None:
        super().__init__(f"{part.name} {reason}")
        self.part = part
        self.reason = reason


class Stopped(Exception):
    """The launcher must stop (Ctrl-C, SIGTERM, or the end of its parent)."""


class Supervisor:
    """Holds all parts that it started, in order. The caller sets ``stopping`` to end all waiting."""

    def __init__(self, *, screen: Screen, guard: Guard, stopping: Callable[[], bool]) -> None:
        self._screen = screen
        self._guard = guard
        self._stopping = stopping
        self._sleeper = Event()
        self._parts: list[Part] = []

    def start(self, parts: Sequence[Part]) -> None:
        for part in parts:
            part.log.unlink(missing_ok=True)
            self._launch(part)
            self._parts.append(part)

    def wait_until_ready(self, parts: Sequence[Part], *, within: float = READY_TIMEOUT_SECONDS) -> None:
        """Mark each part as it becomes ready. Raises ``PartFailed`` and ``Stopped``."""
        began = time.monotonic()
        waiting = list(parts)
        while waiting:
            for part in [part for part in waiting if self._is_ready(part)]:
                waiting.remove(part)
                self._screen.done(part.name, time.monotonic() - began, part.note)
            if waiting and time.monotonic() - began > within:
                raise PartFailed(waiting[0], f"is not ready after {within:.0f} s")
            if waiting:
                self._screen.waiting(f"{time.monotonic() - began:.0f} s, waiting for {_names(waiting)}")
                self.pause(POLL_SECONDS)

    def restart_ended_parts(self) -> None:
        """Restart parts that ended unexpectedly, with a longer delay each time."""
        for part in self._parts:
            code = part.exit_code
            if code is not None:
                self._guard.forget(part.group or 0)
                seconds = part.handle_end()
                message = f"ended ({_ending(code)}); restarting in {seconds:.0f} s, log: {part.log}"
                self._screen.line(f"  {self._screen.paint('✗', RED)} {part.name} {message}")
            elif part.due:
                self._launch(part)

    def end(self, *, grace: float = GRACE_SECONDS) -> None:
        """End all parts: first the workers, then the services that they use, so that their last calls succeed."""
        for backstage in (False, True):
            running = [part.group for part in self._parts if part.backstage is backstage and part.group]
            groups.end(running, grace=grace, reap=self._reap)

    def pause(self, seconds: float) -> None:
        """Sleep for this time. Raises ``Stopped`` if the launcher must stop."""
        if self._stopping():
            raise Stopped
        self._sleeper.wait(seconds)

    def _launch(self, part: Part) -> None:
        self._guard.watch(part.start())

    def _reap(self) -> None:
        for part in self._parts:
            _ = part.exit_code

    def _is_ready(self, part: Part) -> bool:
        if part.exit_code is not None:
            raise PartFailed(part, f"ended ({_ending(part.exit_code)})")
        return part.ready(part)


def _names(parts: Sequence[Part]) -> str:
    names = [part.name for part in parts]
    return ", ".join(names) if len(names) < 5 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
