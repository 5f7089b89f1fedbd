"""A part of the stack: its process, its log, and the delays between restarts."""

from __future__ import annotations

import os
from pathlib import Path

from config.development.parts import Part, logged
from tests.support.processes import wait_for


def test_a_part_that_ends_again_and_again_waits_longer_each_time(tmp_path: Path) -> None:
    part = Part(
        name="part",
        arguments=["sh", "-c", "exit 1"],
        variables=os.environ,
        cwd=tmp_path,
        log=tmp_path / "part.log",
        ready=logged("ready"),
    )
    waits = []
    for _ in range(7):
        part.start()
        waits.append(part.handle_end())

    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_the_log_is_searched_from_the_last_start_on(tmp_path: Path) -> None:
    part = Part(
        name="part",
        arguments=["sh", "-c", "echo started"],
        variables=os.environ,
        cwd=tmp_path,
        log=tmp_path / "part.log",
        ready=logged("ready"),
    )
    part.log.write_text("ready\n")
    part.start()
    wait_for(lambda: part.exit_code is not None, seconds=5)

    assert part.has_logged("started")
    assert not part.has_logged("ready")
    assert part.last_lines() == ["ready", "started"]
