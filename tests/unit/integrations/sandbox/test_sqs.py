"""The SQS stand-in in process: what it rejects, redelivers and dead-letters as SQS does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.sqs import models

from integrations.sandbox.sqs_api.queues import patch_moto
from integrations.sandbox.sqs_api.saved_state import restore

PATCHED = (
    (models, "Queue"),
    (models.Message, "__new__"),
    (models.SQSBackend, "receive_message"),
    (models.SQSBackend, "change_message_visibility"),
    (models.SQSBackend, "purge_queue"),
)


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for owner, name in PATCHED:
        monkeypatch.setattr(owner, name, getattr(owner, name))  # so that the patch ends with the test
    with mock_aws():
        patch_moto()
        yield boto3.client("sqs", region_name="us-east-1")


def create(sqs: Any, name: str, **attributes: str) -> str:
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def receive(sqs: Any, url: str, **options: Any) -> list[Any]:
    messages: list[Any] = sqs.receive_message(QueueUrl=url, **options).get("Messages", [])
    return messages


def error_code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"].rpartition(".")[2]


def test_a_fifo_queue_is_rejected(sqs: Any) -> None:
    with pytest.raises(ClientError) as caught:
        create(sqs, "a.fifo", FifoQueue="true")
    assert "standard queues only" in str(caught.value)


def test_a_message_is_dead_lettered_after_its_receives_and_stays_unchanged(sqs: Any) -> None:
    dead = create(sqs, "a-dlq")
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:a-dlq", "maxReceiveCount": 2}
    url = create(sqs, "a", RedrivePolicy=json.dumps(policy), VisibilityTimeout="0")
    sent = sqs.send_message(QueueUrl=url, MessageBody="x")["MessageId"]

    assert [len(receive(sqs, url)) for _ in range(3)] == [1, 1, 0]
    [message] = receive(sqs, dead)
    assert (message["MessageId"], message["Body"]) == (sent, "x")


def test_visibility_is_changed_only_while_a_message_is_in_flight(sqs: Any) -> None:
    url = create(sqs, "a", VisibilityTimeout="60")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    [message] = receive(sqs, url)
    change = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}

    sqs.change_message_visibility(**change, VisibilityTimeout=0)
    with pytest.raises(ClientError) as caught:
        sqs.change_message_visibility(**change, VisibilityTimeout=10)
    assert error_code(caught) == "MessageNotInflight"
    assert len(receive(sqs, url)) == 1


def test_a_purge_deletes_visible_and_hidden_messages(sqs: Any) -> None:
    url = create(sqs, "a", VisibilityTimeout="60")
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    receive(sqs, url)

    sqs.purge_queue(QueueUrl=url)

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert counts == dict.fromkeys(names, "0")


def test_without_a_saved_file_nothing_is_restored(sqs: Any, tmp_path: Path) -> None:
    restore(tmp_path / "missing.json")

    assert "QueueUrls" not in sqs.list_queues()
