"""The emulator behaves like SQS in everything that development and these tests rely on."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("sqs_emulator")

COMMAND = (sys.executable, "-m", "integrations.sandbox.sqs_api")


@pytest.fixture
def url(emulator: Any, request: pytest.FixtureRequest) -> str:
    name = f"q-{abs(hash(request.node.name))}"
    created: str = emulator.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    return created


def _receive(emulator: Any, url: str, **options: Any) -> list[dict[str, Any]]:
    options = {"MessageSystemAttributeNames": ["All"], **options}
    messages: list[dict[str, Any]] = emulator.sqs.receive_message(QueueUrl=url, **options).get("Messages", [])
    return messages


def _counts(emulator: Any, url: str) -> tuple[int, ...]:
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    found = emulator.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(found[name]) for name in names)


def test_visible_hidden_and_delayed_messages_are_counted_separately(emulator: Any, url: str) -> None:
    for delay in (0, 0, 30):
        emulator.sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=delay)
    _receive(emulator, url)
    assert _counts(emulator, url) == (1, 1, 1)


def test_a_long_poll_ends_with_the_message_and_not_before(emulator: Any, url: str) -> None:
    began = time.monotonic()
    threading.Timer(0.5, lambda: emulator.sqs.send_message(QueueUrl=url, MessageBody="x")).start()
    assert len(_receive(emulator, url, WaitTimeSeconds=5)) == 1
    assert 0.4 <= time.monotonic() - began <= 2
    began = time.monotonic()
    assert not _receive(emulator, url, WaitTimeSeconds=1)
    assert 0.9 <= time.monotonic() - began <= 2


def test_a_hidden_message_comes_back_in_time_with_its_count(emulator: Any, url: str) -> None:
    emulator.sqs.send_message(QueueUrl=url, MessageBody="x")
    (first,) = _receive(emulator, url)
    emulator.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=1)
    began = time.monotonic()
    (again,) = _receive(emulator, url, WaitTimeSeconds=5)
    assert 0.9 <= time.monotonic() - began <= 1.6
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_many_clients_get_each_message_once(emulator: Any, url: str) -> None:
    for start in range(0, 300, 10):
        entries = [{"Id": str(i), "MessageBody": str(start + i)} for i in range(10)]
        emulator.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    seen: Counter[str] = Counter()

    def drain(_: int) -> None:
        while messages := _receive(emulator, url, MaxNumberOfMessages=3):
            for message in messages:
                seen[message["Body"]] += 1
                emulator.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(drain, range(8)))
    assert len(seen) == 300
    assert set(seen.values()) == {1}
    assert _counts(emulator, url) == (0, 0, 0)


def test_a_client_that_went_away_takes_no_message(emulator: Any, url: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port)
    connection.request(
        "POST", "/", json.dumps({"QueueUrl": url, "WaitTimeSeconds": 10}),
        {
            "X-Amz-Target": "AmazonSQS.ReceiveMessage", "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request",
        },
    )  # fmt: skip
    time.sleep(0.5)  # nothing tells that the poll has arrived
    connection.close()
    emulator.sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = _receive(emulator, url, WaitTimeSeconds=2)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_an_invalid_receipt_is_rejected_and_a_second_delete_is_not(emulator: Any, url: str) -> None:
    emulator.sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = _receive(emulator, url)
    for _ in range(2):
        emulator.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(emulator.sqs.exceptions.ReceiptHandleIsInvalid):
        emulator.sqs.delete_message(QueueUrl=url, ReceiptHandle="made up")


def test_a_restart_loses_nothing(start_emulator: Any, tmp_path: Path) -> None:
    before = start_emulator(data=tmp_path / "kept" / "sqs.json")
    arn = "arn:aws:sqs:us-east-1:123456789012:b-dlq"
    before.sqs.create_queue(QueueName="b-dlq")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = before.sqs.create_queue(QueueName="b", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "50"})[
        "QueueUrl"
    ]
    before.sqs.send_message(QueueUrl=url, MessageBody="in flight")
    (held,) = _receive(before, url)
    before.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=100)
    before.sqs.send_message(QueueUrl=url, MessageBody="waiting")
    assert before.stop() == 0

    after = start_emulator(data=tmp_path / "kept" / "sqs.json")
    url = after.sqs.get_queue_url(QueueName="b")["QueueUrl"]
    assert _counts(after, url) == (1, 1, 1)
    attributes = after.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert json.loads(attributes["RedrivePolicy"]) == {"deadLetterTargetArn": arn, "maxReceiveCount": 2}
    assert attributes["VisibilityTimeout"] == "50"
    after.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"], VisibilityTimeout=0)
    received = {
        m["Body"]: m["Attributes"]["ApproximateReceiveCount"] for m in _receive(after, url, MaxNumberOfMessages=10)
    }
    assert received == {"waiting": "1", "in flight": "2"}
    after.stop()


def test_a_broken_file_is_reported_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "sqs.json"
    broken.write_text('{"us-east-1": [{"na')
    command = [*COMMAND, "--port", "0", "--data", str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"SQS emulator: {broken} cannot be read; remove it to start without queues"]


def test_a_used_port_is_reported_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert port in done.stderr
    assert "SQS_EMULATOR_PORT" in done.stderr
