"""A kombu channel for SQS with a fake boto3 client and a fake event loop."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError
from kombu.asynchronous import Hub


class FakeSqs:
    """boto3's client. If ``fails`` is set, acknowledgments raise it."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []
        self.fails: Exception | None = None

    def delete_message(self, **call: Any) -> None:
        self._take("delete", call["ReceiptHandle"])

    def change_message_visibility(self, **call: Any) -> None:
        self._take("show", call["ReceiptHandle"], call["VisibilityTimeout"])

    def get_queue_url(self, QueueName: str) -> dict[str, str]:
        if self.fails:
            raise self.fails
        return {"QueueUrl": f"http://sqs/{QueueName}"}

    def _take(self, *answer: Any) -> None:
        if self.fails:
            raise self.fails
        self.given.append(answer)


class FakeHub(Hub):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.soon: list[tuple[Any, ...]] = []
        self.later: list[tuple[Any, ...]] = []

    def call_soon(self, callback: Any, *args: Any) -> None:
        self.soon.append((callback, *args))

    def call_later(self, delay: float, callback: Any, *args: Any) -> None:
        self.later.append((delay, callback, *args))


def raw_message(handle: str = "r1", *, count: int = 1, message_id: str = "m1", **envelope: Any) -> dict[str, Any]:
    body = {
        "body": "W1tdLCB7fSwge31d",  # [[], {}, {}]
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "unit.take", "id": "t1"},
        "properties": {"body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": "elsewhere"}},
        **envelope,
    }
    return {
        "MessageId": message_id, "ReceiptHandle": handle, "Body": json.dumps(body),
        "Attributes": {"ApproximateReceiveCount": str(count)},
    }  # fmt: skip


def receive(channel: Any, *messages: dict[str, Any]) -> int:
    received: int = channel._on_messages_ready("http://sqs/Q", "Q", {"Messages": list(messages)})
    return received


def client_error(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DeleteMessage")
