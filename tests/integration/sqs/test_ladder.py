"""Retries over the wire: the same message and id, the waits of the ladder, and SQS's own redrive."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from itertools import pairwise
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("sqs_ladder")

EARLY = 0.05  # two processes' clocks and the emulator's milliseconds
LATE = 1.5  # a busy machine


@pytest.fixture(scope="module")
def lost(open_shop: Any) -> tuple[Any, dict[str, tuple[str, str]]]:
    """A separate worker for tasks that kill their process. It starts before the other tests wait."""
    shop = open_shop()
    shop.start_worker()
    bodies = {
        "killed": shop.encode("tests.die", key="killed", how="kill"),
        "exited": shop.encode("tests.die", key="exited", how="exit"),
        "memory": shop.encode("tests.die", key="memory", how="memory"),
    }
    return shop, {key: (shop.send_body(body), body) for key, body in bodies.items()}


@pytest.fixture(scope="module")
def sent(lost: Any, shop: Any) -> dict[str, tuple[str, str]]:
    """All messages of this module, sent at once so that their retries overlap: key -> (id, body)."""
    bodies = {
        "always": shop.encode("tests.fail", key="always", times=99),
        "third": shop.encode("tests.fail", key="third", times=2),
        "asked": shop.encode("tests.fail", key="asked", times=1, retry_after=4),
    }
    return {key: (shop.send_body(body), body) for key, body in bodies.items()}


def _gaps(runs: list[dict[str, Any]]) -> list[float]:
    return [later["at"] - earlier["at"] for earlier, later in pairwise(runs)]


def _on_time(gaps: list[float], steps: list[int]) -> bool:
    return len(gaps) == len(steps) and all(
        step - EARLY <= gap <= step + LATE for gap, step in zip(gaps, steps, strict=True)
    )


def test_a_task_that_always_fails_uses_the_ladder_and_is_dead_lettered_unchanged(
    shop: Any, sent: Any, eventually: Any
) -> None:
    message_id, body = sent["always"]
    eventually(lambda: len(shop.runs("always")) == 4, within=20, what="four runs")
    dead = eventually(lambda: shop.dead_letters().get(message_id), within=3, what="the message in the DLQ")
    assert dead["Body"] == body
    assert dead["MD5OfBody"]
    assert _on_time(_gaps(shop.runs("always")), [1, 2, 3]), _gaps(shop.runs("always"))


def test_a_task_that_succeeds_at_the_third_attempt_is_deleted(shop: Any, sent: Any, eventually: Any) -> None:
    eventually(lambda: len(shop.runs("third")) == 3, within=20, what="three runs")
    assert _on_time(_gaps(shop.runs("third")), [1, 2]), _gaps(shop.runs("third"))
    assert sent["third"][0] not in shop.dead_letters()


@pytest.mark.parametrize("key", ["permanent", "missing", "wrong"])
def test_a_permanent_error_is_dead_lettered_at_once(shop: Any, eventually: Any, key: str) -> None:
    body = {
        "permanent": lambda key: shop.encode("tests.permanent", key=key),
        "missing": lambda key: shop.encode("tests.record"),
        "wrong": lambda key: shop.encode("tests.record", key=7),
    }[key](key := f"{key}-{uuid.uuid4().hex}")
    message_id = shop.send_body(body)
    dead = eventually(lambda: shop.dead_letters().get(message_id), within=3, what="the message in the DLQ")
    assert dead["Body"] == body
    assert len(shop.runs(key)) <= 1, "the receipts that only use up the receive count must not run it again"


def test_a_longer_retry_after_wins(shop: Any, sent: Any, eventually: Any) -> None:
    eventually(lambda: len(shop.runs("asked")) == 2, within=20, what="two runs")
    assert _on_time(_gaps(shop.runs("asked")), [4]), _gaps(shop.runs("asked"))


@pytest.mark.parametrize("how", ["killed", "exited", "memory"])
def test_a_lost_child_process_uses_a_receive_and_the_ladder(lost: Any, eventually: Any, how: str) -> None:
    shop, sent = lost
    message_id, body = sent[how]
    dead = eventually(lambda: shop.dead_letters().get(message_id), within=25, what="the message in the DLQ")
    assert dead["Body"] == body
    runs = shop.runs(how)
    assert len(runs) == 4
    assert all(gap >= step - EARLY for gap, step in zip(_gaps(runs), [1, 2, 3], strict=True)), _gaps(runs)
    assert shop.workers[0].poll() is None


def test_exceeded_time_limits_use_the_ladder(shop: Any, eventually: Any) -> None:
    key = f"stubborn-{uuid.uuid4().hex}"
    shop.send("tests.stubborn", key=key)
    eventually(lambda: len(shop.runs(key)) == 2, within=12, what="a second run after the hard limit")
    (gap,) = _gaps(shop.runs(key))
    assert 4 + 1 - EARLY <= gap <= 4 + 1 + 2.5, gap


def test_a_killed_parent_costs_one_receive_and_the_message_comes_back(open_shop: Any, eventually: Any) -> None:
    shop = open_shop(limits=(4, 2, 3))
    first = shop.start_worker(concurrency=1)
    shop.wait_until_ready()
    shop.send("tests.sleep", key="orphan", milliseconds=1500)
    eventually(lambda: shop.runs("orphan", step="began"), within=5, what="the task's beginning")
    os.killpg(first.pid, signal.SIGKILL)
    killed = time.time()
    shop.start_worker(concurrency=1)
    shop.wait_until_ready()
    ready = time.time()
    eventually(lambda: shop.runs("orphan", step="ended"), within=20, what="a second run to its end")
    again = shop.runs("orphan", step="began")[1]["at"]
    assert again <= max(killed + shop.limits[0], ready) + LATE
    eventually(shop.is_empty, within=5, what="the message deleted")


def test_sigterm_lets_the_running_task_finish(open_shop: Any, eventually: Any) -> None:
    shop = open_shop(limits=(60, 40, 50))
    worker = shop.start_worker(concurrency=1)
    shop.wait_until_ready()
    shop.send("tests.sleep", key="last", milliseconds=2000)
    eventually(lambda: shop.runs("last", step="began"), within=5, what="the task's beginning")
    shop.send("tests.record", key="unstarted")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=15) == 0
    assert shop.runs("last", step="ended")
    assert not shop.runs("unstarted")
    assert shop.depth(shop.url) == 1, "the finished task's message is deleted, the other is still there"
    visible = shop.emulator.sqs.receive_message(QueueUrl=shop.url, WaitTimeSeconds=2).get("Messages", [])
    assert len(visible) == 1, "what was not started is visible at once"


def test_a_message_has_kombus_envelope(shop: Any) -> None:
    import base64

    envelope = json.loads(base64.b64decode(shop.encode("tests.record", key="x")))
    assert envelope["content-type"] == "application/json"
    assert envelope["headers"]["task"] == "tests.record"
    assert json.loads(base64.b64decode(envelope["body"]))[1] == {"key": "x"}


@pytest.mark.parametrize(("change", "said"), [("policy", "no redrive policy"), ("missing", "does not exist")])
def test_a_worker_does_not_start_on_a_queue_that_would_lose_messages(open_shop: Any, change: str, said: str) -> None:
    shop = open_shop()
    if change == "missing":
        shop.emulator.sqs.delete_queue(QueueUrl=shop.url)
    else:
        shop.emulator.sqs.set_queue_attributes(QueueUrl=shop.url, Attributes={"RedrivePolicy": ""})
    assert shop.start_worker(concurrency=1).wait(timeout=15) == 1
    lines = [line for line in shop.log_text().splitlines() if line.startswith("Worker cannot start")]
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in shop.log_text()
