"""Saves queues and messages to a file, so that they survive a restart of the emulator."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs import models

SAVED_ATTRIBUTES = (
    "VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "DelaySeconds",
    "RedriveAllowPolicy", "RedrivePolicy",
)  # fmt: skip


def _backends() -> Iterator[tuple[str, models.SQSBackend]]:
    yield from list(models.sqs_backends[DEFAULT_ACCOUNT_ID].items())


def save_and_stop(path: Path) -> None:
    """Write every queue and message, receive counts and receipt handles included, by one rename.

    The queues stay locked, so that a later send or receive gets no answer instead of a wrong one.
    """
    state = {region: [_saved(queue) for queue in backend.queues.values()] for region, backend in _backends()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(state, default=str))
    draft.replace(path)


def _saved(queue: Any) -> dict[str, Any]:
    queue._messages_lock.acquire()
    attributes = {name: queue.attributes.get(name) for name in SAVED_ATTRIBUTES}
    return {
        "name": queue.name,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messages": [vars(message) for message in queue.messages_by_id.values()],
    }


def restore(path: Path) -> None:
    """Read the file that ``save_and_stop`` wrote. Do nothing if it does not exist."""
    if not path.exists():
        return
    try:
        _restore(path)
    except (ValueError, TypeError, KeyError, AttributeError):
        sys.exit(f"SQS emulator: {path} cannot be read; remove it to start without queues")


def _restore(path: Path) -> None:
    for region, queues in json.loads(path.read_text()).items():
        backend = models.sqs_backends[DEFAULT_ACCOUNT_ID][region]
        for saved in queues:
            backend.create_queue(saved["name"])
        for saved in queues:
            backend.set_queue_attributes(saved["name"], saved["attributes"])
            for fields in saved["messages"]:
                message = models.Message(fields["id"], fields["body"])
                vars(message).update(fields)
                backend.get_queue(saved["name"]).add_message(message)
