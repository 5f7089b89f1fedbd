"""`make run` starts the whole shop with one command, and leaves no process behind."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from integrations.sqs.topology import QUEUES
from tests.support.processes import ROOT, Process, free_port, wait_for

pytestmark = [pytest.mark.xdist_group("make_run"), pytest.mark.timeout(240)]

STEP = re.compile(r"^ +(?P<ms>\d+|…)  (?P<queue>\w*) +(?P<mark>[✓✗…]?) +(?P<what>\S+)", re.MULTILINE)
SHUTDOWN = ("", "worker: Warm shutdown (MainProcess)")  # of the run before; Celery always prints these lines
# Prints how many days each clock is ahead.
CLOCKS = """
import datetime as dt, json
from django.db import connection
from django.utils import timezone
from integrations.outbox.models import OutboxMessage
with connection.cursor() as cursor:
    cursor.execute("SELECT now()")
    database = cursor.fetchone()[0]
default = OutboxMessage.objects.latest("created_at").created_at
times = {"python": timezone.now(), "database": database, "default": default}
print(json.dumps({name: (time - dt.datetime.now(dt.UTC)).days + 1 for name, time in times.items()}))
"""
SMALL = {f"{queue.name.removesuffix('Queue').upper()}_CONCURRENCY": "1" for queue in QUEUES}


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """A separate data folder and separate ports, without the variables of the test run."""
    # Not in pytest's folder: only its owner may read that, and root's PostgreSQL runs as another user.
    data = tempfile.mkdtemp(prefix="make-run-")
    yield {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
        **SMALL,
        "WEB_CONCURRENCY": "1",
        "DATA_DIR": data,
        "WEB_PORT": str(free_port()),
        "SQS_EMULATOR_PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
    }
    shutil.rmtree(data)


def run(environ: dict[str, str], *arguments: str, module: str = "run") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"config.development.{module}", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)


def processes_of(environ: dict[str, str]) -> list[str]:
    """The processes of this run: its data folder is in their arguments or environment."""
    folder = environ["DATA_DIR"]
    running = []
    for process in psutil.process_iter():
        try:
            traces = [*process.cmdline(), process.environ().get("DATA_DIR", "")]
            if process.status() != psutil.STATUS_ZOMBIE and any(folder in trace for trace in traces):
                running.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return running


def assert_timeline_is_complete(output: str) -> None:
    steps = list(STEP.finditer(output))
    times = [int(step["ms"]) for step in steps]
    assert {queue.name for queue in QUEUES} <= {step["queue"] for step in steps if step["mark"] == "✓"}, output
    assert not [step for step in steps if step["mark"] in "✗…" and step["mark"]], output
    assert times == sorted(times)
    for what in ("201 Created", "order paid", "order fulfilled", "payment_intent.succeeded", "all seven queues done"):
        assert what in output


def test_once_places_a_checkout_and_leaves_no_process_behind(environ: dict[str, str]) -> None:
    done = run(environ, "--once")

    assert done.returncode == 0, done.stdout + done.stderr
    assert_timeline_is_complete(done.stdout)
    assert done.stderr == ""
    assert "\033" not in done.stdout
    assert processes_of(environ) == []


@pytest.fixture(scope="class")
def launcher(environ: dict[str, str]) -> Iterator[Process]:
    log = Path(environ["DATA_DIR"]) / "launcher.log"
    launcher = Process([sys.executable, "-m", "config.development.run"], environ=environ, log=log)
    try:
        wait_for(
            lambda: "Ctrl-C ends everything" in launcher.output() or not launcher.alive(),
            seconds=100,
            what="the shop is up",
        )
        yield launcher
    finally:
        launcher.kill()
        wait_for(lambda: not processes_of(environ), seconds=30, what="all processes have ended")


class TestRunning:
    """Runs the shop in the same folder again. The tests use one run, in this order."""

    def test_it_prints_the_addresses_and_the_login(self, launcher: Process, environ: dict[str, str]) -> None:
        output = launcher.output()
        for address in ("/api/v1/docs/", "/api/v1/plans/", "/admin/"):
            assert f"http://127.0.0.1:{environ['WEB_PORT']}{address}" in output
        assert f"http://127.0.0.1:{environ['SANDBOX_PORT']}/" in output
        assert "admin@example.com / " in output

    def test_make_checkout_finds_the_shop_by_its_folder(self, launcher: Process, environ: dict[str, str]) -> None:
        done = run({**environ, "WEB_PORT": "1"}, module="checkout")

        assert done.returncode == 0, done.stdout + done.stderr
        assert_timeline_is_complete(done.stdout)

    def test_a_declined_checkout_is_reported(self, launcher: Process, environ: dict[str, str]) -> None:
        done = run(environ, "--card", "pm_card_chargeCustomerFail", "--plan", "veg-box-weekly", module="checkout")

        assert done.returncode == 1
        assert "veg-box-weekly for ada." in done.stdout
        assert "order payment_failed" in done.stdout
        assert "all seven queues done" not in done.stdout

    def test_make_manage_uses_the_ports_and_the_database_of_the_running_shop(
        self, launcher: Process, environ: dict[str, str]
    ) -> None:
        other_environ = {**environ, "SQS_EMULATOR_PORT": "1", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
        ledger = run(other_environ, "check_ledger", "--json", module="manage")
        queues = run(other_environ, "provision_queues", "--check", module="manage")

        assert ledger.returncode == 0, ledger.stdout + ledger.stderr
        assert json.loads(ledger.stdout)["holds"] is True
        assert queues.returncode == 0, queues.stdout + queues.stderr

    def test_fast_forward_takes_a_dunning_step_and_moves_every_clock(
        self, launcher: Process, environ: dict[str, str]
    ) -> None:
        forwarded = run(environ, "fast_forward", "--days", "2", module="manage")

        assert forwarded.returncode == 0, forwarded.stdout + forwarded.stderr
        assert "payments declined: 1, messages to customers: " in forwarded.stdout
        in_two_days = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
        assert f"It is {in_two_days:%Y-%m-%d}" in forwarded.stdout
        times = run(environ, "shell", "--no-imports", "-c", CLOCKS, module="manage")
        assert json.loads(times.stdout) == {"python": 2, "database": 2, "default": 2}, times.stderr
        url = f"http://127.0.0.1:{environ['SANDBOX_PORT']}/sandbox/clock"
        sandbox = httpx.post(url, json={"advance_seconds": 0}).json()
        # The clock shows two days more than before the command, which took some seconds itself.
        assert sandbox["offset_seconds"] == pytest.approx(2 * 86400, abs=120)
        ledger = run(environ, "check_ledger", "--json", module="manage")
        assert json.loads(ledger.stdout)["holds"] is True

    def test_a_second_launcher_is_rejected(self, launcher: Process, environ: dict[str, str]) -> None:
        rejected = run(environ)

        assert rejected.returncode == 1
        assert len(rejected.stderr.splitlines()) == 1
        assert "already runs" in rejected.stderr

    def test_each_log_line_is_a_json_object(self, launcher: Process, environ: dict[str, str]) -> None:
        parts = ["web", "relay", "scheduler", *(f"worker-{q.name.removesuffix('Queue').lower()}" for q in QUEUES)]
        for part in parts:
            for line in (Path(environ["DATA_DIR"]) / "logs" / f"{part}.log").read_text().splitlines():
                assert line in SHUTDOWN or json.loads(line)["level"], (part, line)

    def test_a_killed_worker_is_restarted(self, launcher: Process, environ: dict[str, str]) -> None:
        log = Path(environ["DATA_DIR"]) / "logs" / "worker-sms.log"
        worker = next(p for p in psutil.Process(launcher.pid).children() if "SmsQueue" in " ".join(p.cmdline()))
        worker.kill()

        wait_for(lambda: log.read_text().count(" ready.") == 2, seconds=30, what="a new worker is ready")
        assert "worker-sms ended (signal 9); restarting in 1 s" in launcher.output()

    def test_a_killed_launcher_leaves_no_process_behind(self, launcher: Process, environ: dict[str, str]) -> None:
        assert len(processes_of(environ)) > 10
        os.kill(launcher.pid, signal.SIGKILL)

        wait_for(lambda: not processes_of(environ), seconds=30, what="all processes have ended")


def test_a_used_port_is_reported_before_anything_starts(environ: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        rejected = run({**environ, "DATA_DIR": str(tmp_path), "SANDBOX_PORT": port}, "--once")

    assert rejected.returncode == 1
    assert rejected.stdout == ""
    assert re.fullmatch(rf"Cannot start: Port {port} .* set SANDBOX_PORT to a free port\.\n", rejected.stderr)


@pytest.mark.parametrize(("module", "arguments"), [("checkout", []), ("manage", ["check_ledger"])])
def test_a_command_without_a_running_shop_is_rejected(
    environ: dict[str, str], tmp_path: Path, module: str, arguments: list[str]
) -> None:
    rejected = run({**environ, "DATA_DIR": str(tmp_path)}, *arguments, module=module)

    assert rejected.returncode == 1
    assert rejected.stderr == f"The shop does not run in {tmp_path}. Start it with: make run\n"


def test_an_invalid_variable_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    rejected = run({**environ, "DATA_DIR": str(tmp_path), "RETRY_LADDER": "soon"})

    assert rejected.returncode == 1
    assert rejected.stderr.startswith("Cannot start: RETRY_LADDER is 'soon'")


@pytest.mark.parametrize(
    ("variable", "address", "message"),
    [
        ("DATABASE_URL", "postgresql://shop:hush@127.0.0.1:9/shop", "The database does not answer; see DATABASE_URL"),
        ("SQS_ENDPOINT_URL", "http://127.0.0.1:9", "SQS does not answer; see SQS_ENDPOINT_URL"),
    ],
)
def test_an_external_service_that_does_not_answer_is_reported_in_one_line(
    environ: dict[str, str], variable: str, address: str, message: str
) -> None:
    rejected = run({**environ, variable: address}, "--once")

    assert rejected.returncode == 1
    assert rejected.stderr == ""
    assert message in rejected.stdout
    assert "Traceback" not in rejected.stdout and "hush" not in rejected.stdout
    assert processes_of(environ) == []
