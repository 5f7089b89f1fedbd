"""The guard ends the processes that a killed launcher leaves behind."""

from __future__ import annotations

import io
import signal
import subprocess
import sys

from config.development import guard
from tests.support.processes import ROOT


def test_the_guard_ends_the_processes_of_a_killed_launcher() -> None:
    orphan = subprocess.Popen(["sleep", "60"], start_new_session=True)
    launcher = "import time; from config.development.guard import Guard; from pathlib import Path; import os; "
    launcher += f"g = Guard(database=None, cwd=Path({str(ROOT)!r})); g.watch({orphan.pid}); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", launcher], cwd=ROOT, check=False)

    assert orphan.wait(timeout=10) == -signal.SIGTERM


def test_only_groups_that_have_not_ended_are_running() -> None:
    assert guard.running_groups(io.StringIO("+1\n+2\n-1\n")) == [2]
    assert guard.running_groups(io.StringIO("+1\ndone\n")) is None
