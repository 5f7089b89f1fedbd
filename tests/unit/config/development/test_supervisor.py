from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.development import guard as guards
from config.development.parts import Part, logged
from config.development.screen import Screen
from config.development.supervisor import PartFailed, Stopped, Supervisor
from tests.support.processes import ROOT, wait_for

READY_AND_STAYS = "echo ready; exec sleep 60"


class Watch(guards.Guard):
    """A guard that only remembers."""

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
    supervisor = Supervisor(screen=screen, guard=Watch(), stopping=lambda: False)
    yield supervisor
    supervisor.end(grace=2)


def part(tmp_path: Path, script: str, name: str = "part") -> Part:
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


def test_a_part_is_ready_when_it_says_so(tmp_path: Path, supervisor: Supervisor, screen: Screen) -> None:
    one = part(tmp_path, READY_AND_STAYS)
    supervisor.start([one])
    supervisor.wait_until_ready([one], within=5)

    assert "✓ part" in screen._stream.getvalue()  # type: ignore[attr-defined]


def test_a_part_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path, supervisor: Supervisor) -> None:
    one = part(tmp_path, "echo no such queue; exit 3")
    supervisor.start([one])

    with pytest.raises(PartFailed, match=r"part ended \(exit code 3\)") as failure:
        supervisor.wait_until_ready([one], within=5)
    assert failure.value.part.last_lines() == ["no such queue"]


def test_a_part_that_never_becomes_ready_is_told(tmp_path: Path, supervisor: Supervisor) -> None:
    one = part(tmp_path, "exec sleep 60")
    supervisor.start([one])

    with pytest.raises(PartFailed, match="part is not ready after 0 s"):
        supervisor.wait_until_ready([one], within=0.2)


def test_waiting_ends_when_somebody_asks_to_stop(tmp_path: Path, screen: Screen) -> None:
    supervisor = Supervisor(screen=screen, guard=Watch(), stopping=lambda: True)
    one = part(tmp_path, "exec sleep 60")
    supervisor.start([one])

    with pytest.raises(Stopped):
        supervisor.wait_until_ready([one])
    supervisor.end(grace=2)
    assert one.exit_code == -signal.SIGTERM


def test_a_part_that_dies_is_started_again(tmp_path: Path, supervisor: Supervisor, screen: Screen) -> None:
    one = part(tmp_path, READY_AND_STAYS)
    supervisor.start([one])
    first = one.group
    assert first is not None
    os.kill(first, signal.SIGKILL)

    wait_for(lambda: supervisor.look_after() or one.group not in (None, first), seconds=5)

    assert "part ended (signal 9); started again in 1 s" in screen._stream.getvalue()  # type: ignore[attr-defined]


def test_a_part_that_keeps_dying_waits_longer_each_time(tmp_path: Path) -> None:
    one = part(tmp_path, "exit 1")
    waits = []
    for _ in range(7):
        one.start()
        waits.append(one.ended())

    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_what_ignores_sigterm_is_killed_with_its_children(tmp_path: Path, screen: Screen) -> None:
    supervisor = Supervisor(screen=screen, guard=Watch(), stopping=lambda: False)
    one = part(tmp_path, "trap '' TERM; sleep 61 & echo $! > child; echo ready; wait; sleep 61")
    supervisor.start([one])
    supervisor.wait_until_ready([one], within=5)
    child = int((tmp_path / "child").read_text())

    supervisor.end(grace=0.3)

    assert one.exit_code == -signal.SIGKILL
    wait_for(lambda: gone(child) or zombie(child), seconds=5, what="the child is gone")


def zombie(pid: int) -> bool:
    """Dead, but not collected: in a container nobody may do that."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_the_guard_ends_what_a_dead_launcher_leaves(tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "60"], start_new_session=True)
    launcher = "import time; from config.development.guard import Guard; from pathlib import Path; import os; "
    launcher += f"g = Guard(database=None, cwd=Path({str(ROOT)!r})); g.watch({left.pid}); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", launcher], cwd=ROOT, check=False)

    assert left.wait(timeout=10) == -signal.SIGTERM


def test_the_guard_knows_what_has_ended_by_itself() -> None:
    assert guards.left_behind(io.StringIO("+1\n+2\n-1\n")) == [2]
    assert guards.left_behind(io.StringIO("+1\nbye\n")) is None
