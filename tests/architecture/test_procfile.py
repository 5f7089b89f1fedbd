"""The Procfile agrees with the topology: each queue has one worker, which watches no other queue."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from config.development import procfile
from integrations.sqs.celery_settings import WORKER_FLAGS
from integrations.sqs.topology import QUEUES, Queue

COMMANDS = procfile.read(Path(__file__).resolve().parents[2] / "Procfile")
WORKERS = {name: command for name, command in COMMANDS.items() if name.startswith("worker-")}


def short_name(queue: Queue) -> str:
    return queue.name.removesuffix("Queue").lower()


def expanded(command: str, **variables: str) -> list[str]:
    """The arguments after the shell has expanded the variables."""
    output = subprocess.run(
        ["sh", "-c", f"set -- {command}; for word; do printf '%s\\n' \"$word\"; done"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return output.stdout.splitlines()


def worker_options(queue: Queue, **variables: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for short, name in (("-Q", "--queues"), ("-c", "--concurrency"), ("-n", "--hostname")):
        parser.add_argument(short, name)
    arguments = expanded(WORKERS[f"worker-{short_name(queue)}"], **variables)
    return parser.parse_known_args(arguments)[0]


def test_the_processes_are_web_relay_scheduler_and_one_worker_for_each_queue() -> None:
    assert list(COMMANDS) == ["web", "relay", "scheduler", *(f"worker-{short_name(queue)}" for queue in QUEUES)]


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
class TestWorker:
    def test_it_watches_its_queue_and_no_other(self, queue: Queue) -> None:
        assert worker_options(queue).queues == queue.name

    def test_its_default_concurrency_is_that_of_the_topology(self, queue: Queue) -> None:
        assert worker_options(queue).concurrency == str(queue.concurrency)

    def test_its_concurrency_has_a_separate_variable(self, queue: Queue) -> None:
        variable = f"{short_name(queue).upper()}_CONCURRENCY"
        for other in QUEUES:
            expected = "9" if other is queue else str(other.concurrency)
            assert worker_options(other, **{variable: "9"}).concurrency == expected

    def test_its_node_is_named_after_the_queue(self, queue: Queue) -> None:
        assert worker_options(queue).hostname == f"{short_name(queue)}@%h"

    def test_it_runs_with_the_flags_that_sqs_needs(self, queue: Queue) -> None:
        assert set(WORKER_FLAGS) <= set(shlex.split(WORKERS[f"worker-{short_name(queue)}"]))


def test_the_web_process_listens_on_loopback_by_default() -> None:
    assert "127.0.0.1:8000" in expanded(COMMANDS["web"])
    assert "0.0.0.0:80" in expanded(COMMANDS["web"], WEB_HOST="0.0.0.0", WEB_PORT="80")


def test_the_number_of_web_processes_has_a_variable() -> None:
    arguments = expanded(COMMANDS["web"], WEB_CONCURRENCY="7")
    assert arguments[arguments.index("--workers") + 1] == "7"
