"""One part of the stack: a process, its log, and how to tell that it is ready."""

from __future__ import annotations

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.development import groups
from integrations.backoff import exponential

LAST_LINES = 15
MAX_BACKOFF_SECONDS = 30.0
# If a part ran for this long, its next end counts as the first failure.
HEALTHY_AFTER_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class Part:
    """A command, which runs in its own process group. ``ready`` is called repeatedly after the start.

    A part that is ``backstage`` serves the other parts, and ends after them.
    """

    name: str
    arguments: Sequence[str]
    variables: Mapping[str, str]
    cwd: Path
    log: Path
    ready: Callable[[Part], bool]
    note: str = ""
    backstage: bool = False
    ends: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _log_began: int = 0
    _started_at: float = field(default=0.0)
    _restart_at: float = 0.0

    def start(self) -> int:
        """Start it; return its process group."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_began = output.tell()
            self._process = subprocess.Popen(
                self.arguments,
                env=dict(self.variables),
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        return self._process.pid

    @property
    def group(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """The exit code. None while the part runs, and before it was started."""
        return self._process.poll() if self._process else None

    def has_logged(self, text: str) -> bool:
        """Whether its log contains this text since the start."""
        with self.log.open("rb") as log:
            log.seek(self._log_began)
            return text.encode() in log.read()

    def last_lines(self, count: int = LAST_LINES) -> list[str]:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-count:]

    def handle_end(self) -> float:
        """Handle an unexpected end: end the rest of its group, and return the seconds until the restart."""
        if self._process is not None:
            groups.send_signal(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.ends = 1 if time.monotonic() - self._started_at > HEALTHY_AFTER_SECONDS else self.ends + 1
        self._process = None
        seconds = exponential(self.ends, first=1.0, maximum=MAX_BACKOFF_SECONDS)
        self._restart_at = time.monotonic() + seconds
        return seconds

    @property
    def due(self) -> bool:
        """Whether it ended and must be started again now."""
        return self._process is None and self._restart_at <= time.monotonic()


def logged(text: str) -> Callable[[Part], bool]:
    """Ready when its log contains this text."""
    return lambda part: part.has_logged(text)


def answering(url: str) -> Callable[[Part], bool]:
    """Ready when a GET of this URL succeeds."""
    return lambda _: answers(url)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return 200 <= int(response.status) < 300
    except (urllib.error.URLError, OSError):
        return False
