"""A real emulator process, real Celery workers, and a proxy between them that injects faults."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.config import Config

from integrations.sqs import provisioning
from integrations.sqs.topology import Queue, Topology

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"sqs_tests_{name}", HERE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


Proxy = _module("proxy").Proxy
_registering = threading.Lock()


def eventually(condition: Callable[[], Any], *, within: float, what: str) -> Any:
    """The condition's first true value. Fails the test after ``within`` seconds without one."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within} s: {what}")
        time.sleep(0.1)
    return value


class Emulator:
    """The emulator in its own process."""

    def __init__(self, *, data: Path | None = None) -> None:
        command = [sys.executable, "-m", "integrations.sandbox.sqs_api", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *(["--data", str(data)] if data else [])], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.sqs = boto3.session.Session().client(
            "sqs",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def stop(self) -> int:
        self.process.terminate()
        with self.process:
            return self.process.wait(timeout=10)


@dataclass
class Shop:
    """One queue with its DLQ, its worker processes and the journal that the tasks write."""

    emulator: Emulator
    folder: Path
    ladder: tuple[int, ...] = (1, 2, 3)
    limits: tuple[int, int, int] = (6, 2, 4)
    endpoint: str = ""
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}-")
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = Queue("ChargesQueue", "payments", *self.limits, 4)
        self.topology = Topology(
            prefix=self.prefix,
            ladder=self.ladder,
            endpoint_url=self.emulator.url,
            wait_time_seconds=1,
            provider_timeouts=1,
            queues=(self.queue,),
        )
        self.journal = self.folder / f"{self.prefix}journal"
        self.log = self.folder / f"{self.prefix}log"
        self.journal.touch()
        self.provision()

    # The queue

    def provision(self) -> None:
        list(provisioning.provision(self.topology))

    @property
    def url(self) -> str:
        return f"{self.emulator.url}/123456789012/{self.topology.physical_name(self.queue)}"

    @property
    def dead_letter_url(self) -> str:
        return f"{self.url}-dlq"

    def send_body(self, body: str) -> str:
        message_id: str = self.emulator.sqs.send_message(QueueUrl=self.url, MessageBody=body)["MessageId"]
        return message_id

    def send(self, task: str, **kwargs: Any) -> str:
        return self.send_body(self.encode(task, **kwargs))

    def encode(self, task: str, **kwargs: Any) -> str:
        from integrations.sqs import messages, tasks

        # As the worker's own process has it. Whoever comes second must not restore what the first has patched.
        with _registering, mock.patch.dict(tasks._registry, {task: self.queue}):
            return messages.encode(task_name=task, task_id=str(uuid.uuid4()), kwargs=kwargs)

    def depth(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.emulator.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    def is_empty(self) -> bool:
        return self.depth(self.url) == 0

    def dead_letters(self) -> dict[str, dict[str, Any]]:
        """The messages in the DLQ by id. They stay there, visible."""
        answer = self.emulator.sqs.receive_message(
            QueueUrl=self.dead_letter_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageSystemAttributeNames=["All"],
        )
        return {message["MessageId"]: message for message in answer.get("Messages", [])}

    # The workers

    def start_worker(self, *, concurrency: int = 4) -> subprocess.Popen[bytes]:
        command = [
            sys.executable, "-m", "celery", "-A", "worker_app", "worker", "--pool=prefork", "--without-gossip",
            "--without-mingle", "--without-heartbeat", "--loglevel=WARNING", "--queues", self.queue.name,
            "--concurrency", str(concurrency), "--hostname", f"{uuid.uuid4().hex}@test",
        ]  # fmt: skip
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO")},
            **CREDENTIALS,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}",
            "PYTHONWARNINGS": "ignore",
            "TEST_PREFIX": self.prefix,
            "TEST_LADDER": json.dumps(self.ladder),
            "TEST_LIMITS": json.dumps(self.limits),
            "TEST_ENDPOINT": self.endpoint or self.emulator.url,
            "TEST_JOURNAL": str(self.journal),
        }
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        self.workers.append(worker)
        return worker

    def wait_until_ready(self) -> None:
        """Wait until every worker has run a task."""
        key = f"ready-{uuid.uuid4().hex}"
        self.send("tests.record", key=key)
        eventually(lambda: self.runs(key), within=30, what=f"a worker that works; {self.log_text()}")

    def stop(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    # The journal

    def notes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def runs(self, key: str, **having: Any) -> list[dict[str, Any]]:
        return [note for note in self.notes() if note["key"] == key and having.items() <= note.items()]

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture(scope="module", autouse=True)
def _credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def emulator(_credentials: None) -> Iterator[Emulator]:
    running = Emulator()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def start_emulator() -> Iterator[Callable[..., Emulator]]:
    started: list[Emulator] = []

    def start(**options: Any) -> Emulator:
        started.append(Emulator(**options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture(scope="module")
def open_shop(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Shop]]:
    """Create a queue with its own prefix. Its workers end with the module."""
    opened: list[Shop] = []

    def make(**options: Any) -> Shop:
        opened.append(Shop(emulator=emulator, folder=tmp_path_factory.mktemp("shop"), **options))
        return opened[-1]

    yield make
    for shop in opened:
        shop.stop()


@pytest.fixture(scope="module")
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """A queue with one running worker that has four slots."""
    opened = open_shop()
    opened.start_worker()
    opened.wait_until_ready()
    return opened


@pytest.fixture(scope="module")
def start_proxy(emulator: Emulator) -> Iterator[Callable[[], Any]]:
    started: list[Any] = []

    def start() -> Any:
        started.append(Proxy(emulator.port))
        return started[-1]

    yield start
    for proxy in started:
        proxy.close()


@pytest.fixture(scope="session", name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually
