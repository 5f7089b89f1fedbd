"""Messages that cannot run: SQS dead-letters them, nothing deletes them, and the next message runs."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("sqs_poison")


def _wrapped(envelope: Any) -> str:
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def _good(shop: Any, key: str) -> dict[str, Any]:
    envelope: dict[str, Any] = json.loads(base64.b64decode(shop.encode("tests.record", key=key)))
    return envelope


def _changed(shop: Any, key: str, change: dict[str, Any], headers: dict[str, Any] | None = None) -> str:
    envelope = _good(shop, key)
    envelope.update(change)
    if headers:
        envelope["headers"].update(headers)
    return _wrapped(envelope)


def _without(shop: Any, key: str, *path: str) -> str:
    envelope = _good(shop, key)
    part = envelope
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    return _wrapped(envelope)


POISON = {
    "plain text": lambda shop, key: "hello, world",
    "base64 of text": lambda shop, key: base64.b64encode(b"hello, world").decode(),
    "binary base64": lambda shop, key: base64.b64encode(bytes(range(256))).decode(),
    "truncated outer JSON": lambda shop, key: json.dumps(_good(shop, key))[:-20],
    "foreign JSON": lambda shop, key: '{"detail-type": "Object Created", "version": 0}',
    "an empty object": lambda shop, key: "{}",
    "a list": lambda shop, key: "[1,2]",
    "no headers": lambda shop, key: _without(shop, key, "headers"),
    "headers that are text": lambda shop, key: _changed(shop, key, {"headers": "x"}),
    "properties that are a number": lambda shop, key: _changed(shop, key, {"properties": 5}),
    "unknown task": lambda shop, key: _changed(shop, key, {}, {"task": "tests.of_tomorrow"}),
    "pickle": lambda shop, key: _changed(shop, key, {"content-type": "application/x-python-serialize"}),
    "unknown content type": lambda shop, key: _changed(shop, key, {"content-type": "application/x-unknown"}),
    "missing argument": lambda shop, key: shop.encode("tests.record"),
    "wrong argument": lambda shop, key: shop.encode("tests.record", key=7),
    "broken inner JSON": lambda shop, key: _changed(shop, key, {"body": base64.b64encode(b"{]").decode()}),
    "inner body of another shape": lambda shop, key: _changed(shop, key, {"body": base64.b64encode(b"[1]").decode()}),
    "no body_encoding": lambda shop, key: _without(shop, key, "properties", "body_encoding"),
    "broken inner base64": lambda shop, key: _changed(shop, key, {"body": "a"}),
    "broken compression": lambda shop, key: _changed(shop, key, {}, {"compression": "application/x-gzip"}),
    "an ETA": lambda shop, key: _changed(shop, key, {}, {"eta": "2999-01-01T00:00:00+00:00"}),
    "an expiry": lambda shop, key: _changed(shop, key, {}, {"expires": "2001-01-01T00:00:00+00:00"}),
    "one time limit": lambda shop, key: _changed(shop, key, {}, {"timelimit": [1]}),
    "a time limit that is a number": lambda shop, key: _changed(shop, key, {}, {"timelimit": 5}),
    "time limits that are text": lambda shop, key: _changed(shop, key, {}, {"timelimit": ["a", "b"]}),
}

RUNS_NORMALLY = {
    "foreign routing key": lambda shop, key: _foreign(shop, key, {"exchange": "x", "routing_key": "elsewhere"}),
    "routing key that is a number": lambda shop, key: _foreign(shop, key, {"routing_key": 5}),
    "no delivery_info": lambda shop, key: _without(shop, key, "properties", "delivery_info"),
    "not wrapped in base64": lambda shop, key: json.dumps(_good(shop, key)),
}


def _foreign(shop: Any, key: str, delivery_info: dict[str, Any]) -> str:
    envelope = _good(shop, key)
    envelope["properties"]["delivery_info"] = delivery_info
    return _wrapped(envelope)


@pytest.fixture(scope="module")
def poisoned(open_shop: Any) -> Any:
    """A worker with three retries, one second apart, and all invalid messages in its queue. It has one slot, so a
    message that leaked the slot would stop all others."""
    shop = open_shop(ladder=(1, 1, 1))
    shop.start_worker(concurrency=1)
    shop.wait_until_ready()
    shop.sent = {}
    for name, body in POISON.items():
        text = body(shop, f"poison {name}")
        shop.sent[name] = (shop.send_body(text), text)
    return shop


@pytest.mark.parametrize("name", POISON)
def test_poison_reaches_the_dead_letter_queue_unchanged(poisoned: Any, eventually: Any, name: str) -> None:
    message_id, body = poisoned.sent[name]

    def dead() -> Any:
        return _all_dead(poisoned).get(message_id)

    assert eventually(dead, within=15, what="the message in the DLQ")["Body"] == body
    assert not poisoned.runs(f"poison {name}")


@pytest.mark.parametrize("name", RUNS_NORMALLY)
def test_an_envelope_with_an_unknown_queue_runs_and_is_deleted(poisoned: Any, eventually: Any, name: str) -> None:
    key = uuid.uuid4().hex
    poisoned.send_body(RUNS_NORMALLY[name](poisoned, key))
    eventually(lambda: poisoned.runs(key), within=10, what="the run")
    eventually(poisoned.is_empty, within=10, what="every message deleted or dead-lettered")
    assert len(poisoned.runs(key)) == 1


def test_the_same_worker_serves_the_next_message(poisoned: Any, eventually: Any) -> None:
    eventually(lambda: len(_all_dead(poisoned)) == len(POISON), within=15, what="all of them dead")
    parents = {note["parent"] for note in poisoned.notes()}
    poisoned.send("tests.record", key="next")
    eventually(lambda: poisoned.runs("next"), within=5, what="the next message's run")
    assert {note["parent"] for note in poisoned.notes()} == parents
    assert poisoned.workers[0].poll() is None
    eventually(poisoned.is_empty, within=5, what="nothing left to do")


def test_a_dead_message_does_not_delay_a_permanent_error(poisoned: Any, eventually: Any) -> None:
    key = uuid.uuid4().hex
    message_id = poisoned.send("tests.permanent", key=key)
    eventually(lambda: message_id in _all_dead(poisoned), within=3, what="the DLQ")
    assert len(poisoned.runs(key)) == 1


def test_a_task_that_the_pool_does_not_accept_frees_its_slot(poisoned: Any, eventually: Any) -> None:
    key = uuid.uuid4().hex
    message_id = poisoned.send("tests.unstartable", key=key)
    eventually(lambda: message_id in _all_dead(poisoned), within=10, what="the DLQ, by way of the ladder")
    poisoned.send("tests.record", key=f"after {key}")
    eventually(lambda: poisoned.runs(f"after {key}"), within=5, what="the next message's run")
    assert not poisoned.runs(key)


def _all_dead(shop: Any) -> dict[str, dict[str, Any]]:
    """Receive repeatedly, because the DLQ holds more messages than one receive returns."""
    seen: dict[str, dict[str, Any]] = shop.__dict__.setdefault("seen", {})
    for _ in range(4):
        seen.update(shop.dead_letters())
    return seen
