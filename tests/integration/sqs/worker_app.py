"""A worker without Django. Its tasks write a journal of their runs.

Started as ``celery -A worker_app worker`` with this folder on the path; configured by environment.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Celery

from integrations.errors import PermanentError, TransientError
from integrations.sqs.celery_settings import configure
from integrations.sqs.tasks import Request, task
from integrations.sqs.topology import Queue, Topology

LIMITS = json.loads(os.environ.get("TEST_LIMITS", "[6, 2, 4]"))
QUEUE = Queue("ChargesQueue", "payments", *LIMITS, 4)
TOPOLOGY = Topology(
    prefix=os.environ.get("TEST_PREFIX", ""),
    ladder=tuple(json.loads(os.environ.get("TEST_LADDER", "[1, 2, 3]"))),
    endpoint_url=os.environ.get("TEST_ENDPOINT"),
    wait_time_seconds=int(os.environ.get("TEST_WAIT", "1")),
    provider_timeouts=1,
    queues=(QUEUE,),
)
JOURNAL = Path(os.environ.get("TEST_JOURNAL", "/dev/null"))

app = Celery("sqs-tests")
configure(app, TOPOLOGY)
app.conf.update(task_ignore_result=True)


def note(**what: Any) -> None:
    with JOURNAL.open("a") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        journal.write(json.dumps({"at": time.time(), "pid": os.getpid(), "parent": os.getppid(), **what}) + "\n")


@task(name="tests.record", queue=QUEUE)
def record(*, key: str, **_: object) -> None:
    note(key=key)


@task(name="tests.noop", queue=QUEUE)
def noop(**_: object) -> None:
    pass


@task(name="tests.fail", queue=QUEUE)
def fail(*, key: str, times: int, retry_after: int | None = None, **_: object) -> None:
    """Fail this many times, then succeed."""
    runs = sum(json.loads(line).get("key") == key for line in JOURNAL.read_text().splitlines())
    note(key=key)
    if runs < times:
        raise TransientError("not yet", retry_after=retry_after)


@task(name="tests.permanent", queue=QUEUE)
def permanent(*, key: str, **_: object) -> None:
    note(key=key)
    raise PermanentError("never")


@task(name="tests.sleep", queue=QUEUE)
def sleep(*, key: str, milliseconds: int, **_: object) -> None:
    note(key=key, step="began")
    time.sleep(milliseconds / 1000)
    note(key=key, step="ended")


@task(name="tests.stubborn", queue=QUEUE)
def stubborn(*, key: str, **_: object) -> None:
    """A task that only the hard time limit ends."""
    note(key=key)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            time.sleep(60)
        except Exception:
            continue


class Unstartable(Request):
    """Fails when Celery hands the task to the pool."""

    def revoked(self) -> bool:
        raise RuntimeError("cannot be started")


@task(name="tests.unstartable", queue=QUEUE)
def unstartable(*, key: str, **_: object) -> None:
    note(key=key)


app.tasks["tests.unstartable"].Request = Unstartable


@task(name="tests.die", queue=QUEUE)
def die(*, key: str, how: str, **_: object) -> None:
    note(key=key)
    if how == "memory":
        raise MemoryError
    if how == "exit":
        raise SystemExit(3)
    os.kill(os.getpid(), signal.SIGKILL)
