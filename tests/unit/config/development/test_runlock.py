"""One stack for each data folder, and how other commands find it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from config.development import runlock


def test_a_second_stack_in_the_same_folder_is_rejected(tmp_path: Path) -> None:
    with closing(runlock.RunLock(tmp_path)) as lock:
        lock.record(web_url="http://127.0.0.1:8000")

        with pytest.raises(runlock.AlreadyRunning, match=r"http://127\.0\.0\.1:8000.*make checkout"):
            runlock.RunLock(tmp_path)

    runlock.RunLock(tmp_path).close()


def test_other_commands_read_the_recorded_facts(tmp_path: Path) -> None:
    with closing(runlock.RunLock(tmp_path)) as lock:
        with pytest.raises(runlock.NotRunning):  # it is not ready yet
            runlock.running(tmp_path)
        lock.record(web_url="http://127.0.0.1:8000")
        facts = runlock.running(tmp_path)

    assert facts["web_url"] == "http://127.0.0.1:8000"


def test_a_file_without_a_lock_is_not_a_running_stack(tmp_path: Path) -> None:
    (tmp_path / runlock.NAME).write_text('{"pid": 1, "web_url": "http://127.0.0.1:8000"}')

    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(runlock.NotRunning, match=f"The shop does not run in {folder}"):
            runlock.running(folder)
