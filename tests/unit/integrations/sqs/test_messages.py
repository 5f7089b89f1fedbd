from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import kombu
import pytest

from integrations.sqs import envelopes, messages, tasks
from integrations.sqs.transport import SqsChannel


@pytest.fixture(autouse=True)
def _registered(registry: Any, queue: Any) -> None:
    registry["unit.take"] = queue


def _decoded(body: str) -> Any:
    """Read a message as a worker's channel does, without a network."""
    channel = object.__new__(SqsChannel)
    channel.connection = kombu.Connection("memory://").transport
    channel.connection._noack_queues = set()
    raw = {"Body": body, "ReceiptHandle": "r", "MessageId": "m", "Attributes": {"ApproximateReceiveCount": "2"}}
    message = channel.Message(channel._message_to_python(raw, "ChargesQueue", "url"), channel=channel)
    channel.connection.client.release()
    return message


def test_a_worker_reads_the_encoded_message() -> None:
    task_id, key = str(uuid4()), uuid4()
    body = messages.encode(task_name="unit.take", task_id=task_id, kwargs={"key": key}, headers={"request_id": "r-1"})
    message = _decoded(body)
    envelopes.check(message)
    args, kwargs, embed = message.payload
    assert (args, kwargs) == ([], {"key": str(key)})
    assert embed["callbacks"] is None
    assert message.headers["task"] == "unit.take"
    assert message.headers["id"] == message.properties["correlation_id"] == task_id
    assert message.headers["request_id"] == "r-1"
    assert message.headers["eta"] is None
    assert message.delivery_info["routing_key"] == "ChargesQueue"


def test_the_message_does_not_set_ignore_result() -> None:
    body = messages.encode(task_name="unit.take", task_id="x", kwargs={})
    assert json.loads(base64.b64decode(body))["headers"]["ignore_result"] is None


def test_an_unregistered_task_is_rejected() -> None:
    with pytest.raises(tasks.UnknownTask):
        messages.encode(task_name="unit.unknown", task_id="x", kwargs={})
