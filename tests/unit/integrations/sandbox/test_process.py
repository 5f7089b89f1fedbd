"""The sandbox as a separate process, and in process without a socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from integrations.sandbox.app import ConnectionDropped, create_app

ROOT = Path(__file__).parents[4]
ENVIRON = {name: value for name, value in os.environ.items() if "live" not in value}


def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox", *arguments],
        cwd=ROOT,
        env=ENVIRON | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=10)
    return process.returncode, errors


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_it_keeps_its_data_and_ends_quickly_at_sigterm(data_file: str) -> None:
    headers = {"Authorization": "token"}
    for users in (0, 1):
        fault = '[{"kind": "drop", "provider": "brevo"}]'
        process = start("--port", "0", "--data", data_file, SANDBOX_FAULTS=fault)
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1].rstrip("/")
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=url, headers=headers) as client:
            assert len(client.get("/dixa/v1/endusers").json()["data"]) == users
            client.post("/dixa/v1/endusers", json={"externalId": "7"}).raise_for_status()
            assert len(client.get("/sandbox/faults").json()["data"]) == 1
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert finished(process) == (0, "")
            assert time.monotonic() - began < 2


def test_only_faults_that_were_set_at_run_time_survive_a_restart(data_file: str) -> None:
    latency = [{"kind": "latency", "min_ms": 1.0, "max_ms": 1.0}]
    kinds = []
    for faults in ("", '[{"kind": "drop"}]', ""):
        process = start("--port", "0", "--data", data_file, SANDBOX_FAULTS=faults)
        assert process.stdout is not None
        with httpx.Client(base_url=process.stdout.readline().split()[-1].rstrip("/")) as client:
            kinds.append([rule["kind"] for rule in client.get("/sandbox/faults").json()["data"]])
            if len(kinds) == 1:
                client.put("/sandbox/faults", json=latency).raise_for_status()
        process.terminate()
        assert finished(process) == (0, "")
    assert kinds == [[], ["drop"], ["latency"]]


def test_a_used_port_is_reported_in_one_line(taken: int) -> None:
    code, errors = finished(start("--data", ":memory:", SANDBOX_PORT=str(taken)))
    assert (code, errors) == (1, f"Port {taken} is taken. Set SANDBOX_PORT to another port.\n")


def test_live_keys_other_hosts_and_invalid_faults_are_reported_in_one_line() -> None:
    for process in (
        start("--data", ":memory:", "--port", "0", SOMETHING="sk_live_1"),
        start("--data", ":memory:", "--port", "0", "--host", "0.0.0.0"),
        start("--data", ":memory:", "--port", "0", SANDBOX_FAULTS="nonsense"),
    ):
        code, errors = finished(process)
        assert code == 1
        assert errors.count("\n") == 1


def test_it_can_be_called_in_process() -> None:
    app = create_app()
    transport = httpx.WSGITransport(app=app)
    with httpx.Client(transport=transport, base_url="http://sandbox", headers={"Authorization": "t"}) as client:
        assert client.post("/dixa/v1/endusers", json={}).status_code == 201
        client.put("/sandbox/faults", json=[{"kind": "drop"}])
        with pytest.raises(ConnectionDropped):
            client.get("/dixa/v1/endusers")
    app.close()
