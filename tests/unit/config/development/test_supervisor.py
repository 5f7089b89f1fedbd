"""Parts are started, checked, restarted and ended together."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.development.guard import Guard
from config.development.parts import Part, logged
from config.development.screen import Screen
from config.development.supervisor import PartFailed, Stopped, Supervisor
from tests.support.processes import wait_for

READY_AND_RUNNING = "echo ready; exec sleep 60"


class FakeGuard(Guard):
    """Records the groups, and starts no process."""

    def __init__(self) -> None:
        self.groups: list[int] = []

    def watch(self, group: int) -> None:
        self.groups.append(group)

    def forget(self, group: int) -> None:
        self.groups.remove(group)


@pytest.fixture
def screen() -> Screen:
    return Screen(io.StringIO())


@pytest.fixture
def supervisor(screen: Screen) -> Iterator[Supervisor]:
    supervisor = Supervisor(screen=screen, guard=FakeGuard(), stopping=lambda: False)
    yield supervisor
    supervisor.end(grace=2)


def make_part(tmp_path: Path, script: str, name: str = "part") -> Part:
    return Part(
        name=name,
        arguments=["sh", "-c", script],
        variables=os.environ,
        cwd=tmp_path,
        log=tmp_path / f"{name}.log",
        ready=logged("ready"),
    )


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_part_is_ready_when_its_log_contains_the_text(tmp_path: Path, supervisor: Supervisor, screen: Screen) -> None:
    part = make_part(tmp_path, READY_AND_RUNNING)
    supervisor.start([part])
    supervisor.wait_until_ready([part], within=5)

    assert "✓ part" in screen._stream.getvalue()  # type: ignore[attr-defined]


def test_a_part_that_ends_while_starting_fails_with_the_last_lines_of_its_log(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    part = make_part(tmp_path, "echo no such queue; exit 3")
    supervisor.start([part])

    with pytest.raises(PartFailed, match=r"part ended \(exit code 3\)") as failure:
        supervisor.wait_until_ready([part], within=5)
    assert failure.value.part.last_lines() == ["no such queue"]


def test_a_part_that_is_not_ready_in_time_fails(tmp_path: Path, supervisor: Supervisor) -> None:
    part = make_part(tmp_path, "exec sleep 60")
    supervisor.start([part])

    with pytest.raises(PartFailed, match="part is not ready after 0 s"):
        supervisor.wait_until_ready([part], within=0.2)


def test_waiting_ends_when_the_launcher_must_stop(tmp_path: Path, screen: Screen) -> None:
    supervisor = Supervisor(screen=screen, guard=FakeGuard(), stopping=lambda: True)
    part = make_part(tmp_path, "exec sleep 60")
    supervisor.start([part])

    with pytest.raises(Stopped):
        supervisor.wait_until_ready([part])
    supervisor.end(grace=2)
    assert part.exit_code == -signal.SIGTERM


def test_a_part_that_ends_is_restarted(tmp_path: Path, supervisor: Supervisor, screen: Screen) -> None:
    part = make_part(tmp_path, READY_AND_RUNNING)
    supervisor.start([part])
    first = part.group
    assert first is not None
    os.kill(first, signal.SIGKILL)

    wait_for(lambda: supervisor.restart_ended_parts() or part.group not in (None, first), seconds=5)

    assert "part ended (signal 9); restarting in 1 s" in screen._stream.getvalue()  # type: ignore[attr-defined]


def test_a_part_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path, screen: Screen) -> None:
    supervisor = Supervisor(screen=screen, guard=FakeGuard(), stopping=lambda: False)
    part = make_part(tmp_path, "trap '' TERM; sleep 61 & echo $! > child; echo ready; wait; sleep 61")
    supervisor.start([part])
    supervisor.wait_until_ready([part], within=5)
    child = int((tmp_path / "child").read_text())

    supervisor.end(grace=0.3)

    assert part.exit_code == -signal.SIGKILL
    wait_for(lambda: gone(child) or zombie(child), seconds=5, what="the child is gone")


def zombie(pid: int) -> bool:
    """Whether the process has ended and its parent has not collected it, as may happen in a container."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
