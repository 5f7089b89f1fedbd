"""Measures the messages a second of a worker with four slots, and the memory of its parent process.

    .venv/bin/python benchmarks/worker_throughput.py [--messages 10000] [--slots 4]

Starts the SQS emulator and a Celery worker without Django. Goals: at least 40 no-op messages a second, and a parent
process below 150 MiB that does not grow over 10,000 messages. The emulator runs on the same machine and uses most of
the time.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.update(AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")

from integrations.sqs import messages, provisioning, sender  # noqa: E402
from integrations.sqs.celery_settings import configure, worker_arguments  # noqa: E402
from integrations.sqs.queues import depths  # noqa: E402
from integrations.sqs.tasks import task  # noqa: E402
from integrations.sqs.topology import CHARGES, Topology  # noqa: E402


@task(name="benchmark.noop", queue=CHARGES)
def noop(**_: object) -> None:
    pass


def topology(endpoint_url: str) -> Topology:
    # Celery keeps a timer of half a kilobyte for each task until its time limit, even if the task is done. With short
    # limits the run lasts longer than the timers, so that only other memory growth is visible.
    queue = dataclasses.replace(CHARGES, visibility_timeout=20, soft_time_limit=8, hard_time_limit=10)
    return Topology(endpoint_url=endpoint_url, wait_time_seconds=2, provider_timeouts=5, queues=(queue,))


if endpoint := os.environ.get("BENCHMARK_ENDPOINT"):  # this process is the worker
    from celery import Celery

    app = Celery("benchmark")
    configure(app, topology(endpoint))
    app.conf.task_ignore_result = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=4)
    options = parser.parse_args()
    emulator = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox.sqs_api", "--port", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert emulator.stdout
    queues = topology(emulator.stdout.readline().split()[-1])
    list(provisioning.provision(queues))
    worker = _start_worker(queues, options.slots)
    try:
        _measure(queues, worker, options.messages)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=20)
        emulator.terminate()
        emulator.wait()


def _start_worker(queues: Topology, slots: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "celery", "-A", "worker_throughput", "worker", "--loglevel=ERROR"]
    environment = {
        **os.environ, "BENCHMARK_ENDPOINT": str(queues.endpoint_url), "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")]),
    }  # fmt: skip
    return subprocess.Popen(
        [*command, *worker_arguments(CHARGES, concurrency=slots)], env=environment, stdout=subprocess.DEVNULL
    )


def _measure(queues: Topology, worker: subprocess.Popen[bytes], count: int) -> None:
    _send(queues, 100)
    _drain(queues)
    steps = 10
    print(f"after 100 messages: parent {_mebibytes(worker.pid):.1f} MiB")
    total = 0.0
    for step in range(1, steps + 1):
        _suspend(worker)
        _send(queues, count // steps)
        began = time.perf_counter()
        _resume(worker)
        _drain(queues)
        took = time.perf_counter() - began
        total += took
        print(
            f"{step * count // steps:6d} messages: {count // steps / took:6.1f}/s, "
            f"parent {_mebibytes(worker.pid):.1f} MiB",
            flush=True,
        )
    print(f"{count / total:.1f} messages/s over all")


def _suspend(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGSTOP)


def _resume(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGCONT)


def _send(queues: Topology, count: int) -> None:
    entries = []
    for _ in range(count):
        task_id = str(uuid.uuid4())
        body = messages.encode(task_name="benchmark.noop", task_id=task_id, kwargs={})
        entries.append(sender.OutgoingMessage(id=task_id, body=body))
    sender.send_batch(CHARGES, entries, topology=queues)


def _drain(queues: Topology) -> None:
    while any(depth.visible or depth.in_flight for depth in depths(topology=queues)):
        time.sleep(0.1)


def _mebibytes(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


if __name__ == "__main__":
    main()
