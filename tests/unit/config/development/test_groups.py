"""Process groups are ended with SIGTERM first, then with SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import time

from config.development import groups


def start(script: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
    return process


def test_a_group_that_ends_at_sigterm_is_not_killed() -> None:
    process = start("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")

    groups.end([process.pid], grace=5, reap=process.poll)

    assert process.returncode == 7
    assert not groups.exists(process.pid)


def test_a_group_that_ignores_sigterm_is_killed_after_the_grace_time() -> None:
    process = start("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    began = time.monotonic()

    groups.end([process.pid], grace=0.2, reap=process.poll)

    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began >= 0.2


def test_a_signal_to_a_missing_group_is_not_sent() -> None:
    process = start("echo ready")
    process.wait()

    assert not groups.send_signal(process.pid, signal.SIGTERM)
