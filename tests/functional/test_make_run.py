"""`make run`: the whole shop from one command, and nothing left of it afterwards."""

from __future__ import annotations

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

import psutil
import pytest

from integrations.sqs.topology import QUEUES
from tests.support.processes import ROOT, Process, free_port, wait_for

pytestmark = [pytest.mark.xdist_group("make_run"), pytest.mark.timeout(240)]

STEP = re.compile(r"^ +(?P<ms>\d+|…)  (?P<queue>\w*) +(?P<mark>[✓✗…]?) +(?P<what>\S+)", re.MULTILINE)
SHUTDOWN = ("", "worker: Warm shutdown (MainProcess)")  # of the run before; Celery has no switch for it
SMALL = {f"{queue.name.removesuffix('Queue').upper()}_CONCURRENCY": "1" for queue in QUEUES}


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """A data folder and ports of our own, and nothing of what the tests themselves run with."""
    # Not in pytest's folder: each session closes that to other users, and root's PostgreSQL runs as another one.
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


def left_of(environ: dict[str, str]) -> list[str]:
    """The processes that bear the mark of this run: its data folder in their arguments or environment."""
    mark = environ["DATA_DIR"]
    left = []
    for process in psutil.process_iter():
        try:
            traces = [*process.cmdline(), process.environ().get("DATA_DIR", "")]
            if process.status() != psutil.STATUS_ZOMBIE and any(mark in trace for trace in traces):
                left.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return left


def assert_timeline_is_complete(said: str) -> None:
    steps = list(STEP.finditer(said))
    times = [int(step["ms"]) for step in steps]
    assert {queue.name for queue in QUEUES} <= {step["queue"] for step in steps if step["mark"] == "✓"}, said
    assert not [step for step in steps if step["mark"] in "✗…" and step["mark"]], said
    assert times == sorted(times)
    for what in ("201 Created", "order paid", "order fulfilled", "payment_intent.succeeded", "all seven queues done"):
        assert what in said


def test_once_places_a_checkout_and_leaves_nothing_behind(environ: dict[str, str]) -> None:
    done = run(environ, "--once")

    assert done.returncode == 0, done.stdout + done.stderr
    assert_timeline_is_complete(done.stdout)
    assert done.stderr == ""
    assert "\033" not in done.stdout
    assert left_of(environ) == []


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
        wait_for(lambda: not left_of(environ), seconds=30, what="everything is gone")


class TestRunning:
    """The same folder a second time, this time to stay. The tests use one run, in this order."""

    def test_it_prints_the_addresses_and_the_login(self, launcher: Process, environ: dict[str, str]) -> None:
        said = launcher.output()
        for address in ("/api/v1/docs/", "/api/v1/plans/", "/admin/"):
            assert f"http://127.0.0.1:{environ['WEB_PORT']}{address}" in said
        assert f"http://127.0.0.1:{environ['SANDBOX_PORT']}/" in said
        assert "admin@example.com / " in said

    def test_another_checkout_finds_it_by_its_folder(self, launcher: Process, environ: dict[str, str]) -> None:
        done = run({**environ, "WEB_PORT": "1"}, module="checkout")

        assert done.returncode == 0, done.stdout + done.stderr
        assert_timeline_is_complete(done.stdout)

    def test_a_checkout_whose_card_is_declined_says_so(self, launcher: Process, environ: dict[str, str]) -> None:
        done = run(environ, "--card", "pm_card_chargeCustomerFail", "--plan", "veg-box-weekly", module="checkout")

        assert done.returncode == 1
        assert "veg-box-weekly for ada." in done.stdout
        assert "order payment_failed" in done.stdout
        assert "all seven queues done" not in done.stdout

    def test_a_command_is_run_on_it_wherever_it_listens(self, launcher: Process, environ: dict[str, str]) -> None:
        elsewhere = {**environ, "SQS_EMULATOR_PORT": "1", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
        ledger = run(elsewhere, "check_ledger", "--json", module="manage")
        queues = run(elsewhere, "provision_queues", "--check", module="manage")

        assert ledger.returncode == 0, ledger.stdout + ledger.stderr
        assert json.loads(ledger.stdout)["holds"] is True
        assert queues.returncode == 0, queues.stdout + queues.stderr

    def test_a_second_one_is_told_of_the_first(self, launcher: Process, environ: dict[str, str]) -> None:
        refused = run(environ)

        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1
        assert "already runs" in refused.stderr

    def test_the_logs_are_json_one_object_a_line(self, launcher: Process, environ: dict[str, str]) -> None:
        parts = ["web", "relay", "scheduler", *(f"worker-{q.name.removesuffix('Queue').lower()}" for q in QUEUES)]
        for part in parts:
            for line in (Path(environ["DATA_DIR"]) / "logs" / f"{part}.log").read_text().splitlines():
                assert line in SHUTDOWN or json.loads(line)["level"], (part, line)

    def test_a_worker_that_dies_is_replaced(self, launcher: Process, environ: dict[str, str]) -> None:
        log = Path(environ["DATA_DIR"]) / "logs" / "worker-sms.log"
        worker = next(p for p in psutil.Process(launcher.pid).children() if "SmsQueue" in " ".join(p.cmdline()))
        worker.kill()

        wait_for(lambda: log.read_text().count(" ready.") == 2, seconds=30, what="a new worker is ready")
        assert "worker-sms ended (signal 9); started again in 1 s" in launcher.output()

    def test_not_even_kill_9_leaves_anything_behind(self, launcher: Process, environ: dict[str, str]) -> None:
        assert len(left_of(environ)) > 10
        os.kill(launcher.pid, signal.SIGKILL)

        wait_for(lambda: not left_of(environ), seconds=30, what="everything is gone")


def test_a_taken_port_is_told_before_anything_starts(environ: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused = run({**environ, "DATA_DIR": str(tmp_path), "SANDBOX_PORT": port}, "--once")

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert re.fullmatch(rf"Cannot start: Port {port} .* set SANDBOX_PORT to a free one\.\n", refused.stderr)


@pytest.mark.parametrize(("module", "arguments"), [("checkout", []), ("manage", ["check_ledger"])])
def test_what_needs_a_shop_that_runs_says_so(
    environ: dict[str, str], tmp_path: Path, module: str, arguments: list[str]
) -> None:
    refused = run({**environ, "DATA_DIR": str(tmp_path)}, *arguments, module=module)

    assert refused.returncode == 1
    assert refused.stderr == f"The shop does not run in {tmp_path}. Start it with: make run\n"


def test_a_variable_that_cannot_be_used_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    refused = run({**environ, "DATA_DIR": str(tmp_path), "RETRY_LADDER": "soon"})

    assert refused.returncode == 1
    assert refused.stderr.startswith("Cannot start: RETRY_LADDER is 'soon'")


@pytest.mark.parametrize(
    ("variable", "address", "said"),
    [
        ("DATABASE_URL", "postgresql://shop:hush@127.0.0.1:9/shop", "The database does not answer; see DATABASE_URL"),
        ("SQS_ENDPOINT_URL", "http://127.0.0.1:9", "SQS does not answer; see SQS_ENDPOINT_URL"),
    ],
)
def test_what_cannot_be_reached_is_told_in_one_line(
    environ: dict[str, str], variable: str, address: str, said: str
) -> None:
    refused = run({**environ, variable: address}, "--once")

    assert refused.returncode == 1
    assert refused.stderr == ""
    assert said in refused.stdout
    assert "Traceback" not in refused.stdout and "hush" not in refused.stdout
    assert left_of(environ) == []
