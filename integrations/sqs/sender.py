"""Send messages in batches: at most ten messages and one mebibyte per call."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.sqs import client, current
from integrations.sqs.client import SqsUnavailable
from integrations.sqs.topology import Queue, Topology

logger = logging.getLogger(__name__)

MAX_ENTRIES = 10
MAX_BATCH_BYTES = 1024 * 1024
MAX_DELAY_SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """``id`` is the caller's; ``group`` keeps a busy customer from delaying the others (SQS fair queues).

    ``delay`` is in seconds, at most 900.
    """

    id: str
    body: str
    group: str | None = None
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why SQS did not take a message. With ``sender_fault`` it will never take this message."""

    reason: str
    sender_fault: bool


@dataclass(slots=True)
class BatchResult:
    sent: list[str] = field(default_factory=list)
    failed: dict[str, Failure] = field(default_factory=dict)


def send_batch(queue: Queue, entries: Sequence[OutgoingMessage], *, topology: Topology | None = None) -> BatchResult:
    """Send any number of messages. Raises SqsUnavailable if the first call fails.

    If a later call fails, its messages are in ``failed``, with ``sender_fault`` False. After a time-out SQS may have
    taken some of these messages.
    """
    topology = topology or current.topology()
    result = BatchResult()
    for batch in _batches(entries, result):
        try:
            _send(topology, queue, batch, result)
        except SqsUnavailable as exc:
            if not result.sent:
                raise
            result.failed.update({entry.id: Failure(str(exc), sender_fault=False) for entry in batch})
    return result


def _batches(entries: Iterable[OutgoingMessage], result: BatchResult) -> Iterator[list[OutgoingMessage]]:
    batch: list[OutgoingMessage] = []
    size = 0
    for entry in entries:
        entry_size = len(entry.body.encode())
        if entry_size > MAX_BATCH_BYTES:
            result.failed[entry.id] = Failure(f"{entry_size} bytes exceed the maximum of SQS", sender_fault=True)
            continue
        if batch and (len(batch) == MAX_ENTRIES or size + entry_size > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry_size
    if batch:
        yield batch


def _send(topology: Topology, queue: Queue, batch: list[OutgoingMessage], result: BatchResult) -> None:
    with client.unavailable_when_away():
        answer = client.client(topology).send_message_batch(
            QueueUrl=client.queue_url(topology, topology.physical_name(queue)),
            Entries=[_entry(topology, index, message) for index, message in enumerate(batch)],
        )
    result.sent.extend(batch[int(sent["Id"])].id for sent in answer.get("Successful", []))
    for failed in answer.get("Failed", []):
        reason = f"{failed.get('Code', '')}: {failed.get('Message', '')}"
        result.failed[batch[int(failed["Id"])].id] = Failure(reason, sender_fault=bool(failed.get("SenderFault")))


def _entry(topology: Topology, index: int, message: OutgoingMessage) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(index), "MessageBody": message.body}
    if message.delay:
        entry["DelaySeconds"] = min(message.delay, MAX_DELAY_SECONDS)
    if message.group and topology.fair_queues:
        entry["MessageGroupId"] = message.group
    return entry
