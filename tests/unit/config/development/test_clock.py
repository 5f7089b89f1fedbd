"""The clock of a development shop: the real time plus the offset in a file that all processes read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from celery.schedules import crontab
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.development import clock, fast_forward
from config.development.clock import CLOCK_FILE, Clock
from config.development.stack import from_environment
from tests.support.days import NOW

DAY = dt.timedelta(days=1)


def test_without_a_file_it_is_the_real_time(tmp_path: Path) -> None:
    assert Clock(tmp_path / "clock").moved == dt.timedelta()


def test_a_change_of_the_file_is_seen_at_once(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    seen = Clock(file)
    file.write_text("86400.0")
    assert seen() - dt.datetime.now(dt.UTC) > DAY - dt.timedelta(minutes=1)

    (tmp_path / "new").write_text("172800.0")
    (tmp_path / "new").replace(file)

    assert seen.moved == 2 * DAY


def test_a_process_without_the_variable_keeps_the_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLOCK_FILE, raising=False)
    real = timezone.now
    clock.follow()
    assert timezone.now is real


def test_only_a_stack_with_its_own_database_and_sandbox_has_a_clock() -> None:
    def variables(**environ: str) -> dict[str, str]:
        return from_environment(environ).own_variables(database_url="")

    external = {f"{name}_API_BASE": "http://127.0.0.1:1" for name in ("STRIPE", "BREVO", "DIXA")}
    assert variables()[CLOCK_FILE].endswith("/clock")
    assert CLOCK_FILE not in variables(DATABASE_URL="postgresql://shop@127.0.0.1/shop")
    assert CLOCK_FILE not in variables(**external)


def test_the_command_needs_a_running_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLOCK_FILE, raising=False)
    with pytest.raises(CommandError, match="make manage"):
        call_command("fast_forward")
    with pytest.raises(CommandError, match="1 or more"):
        call_command("fast_forward", "--days=0")


def test_a_job_runs_if_its_time_lies_in_the_step() -> None:
    nightly = crontab(hour="2", minute="30")  # NOW is at 12:00

    assert fast_forward._has_slot(nightly, since=NOW, until=NOW + DAY)
    assert not fast_forward._has_slot(nightly, since=NOW, until=NOW + DAY / 2)
    assert not fast_forward._has_slot(crontab(minute="0"), since=NOW, until=NOW + DAY / 48)
