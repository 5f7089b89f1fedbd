"""An SQS for development and tests: moto's HTTP surface over a queue of our own that is fast, thread-safe and honest.

    python -m config.development.sqs_emulator --port 9324 [--data .data/sqs.json]

It differs from stock moto (5.2) in what it costs or gets wrong: every call there recomputes all counters over all
messages, receiving is not thread-safe, a long poll wakes once a second, a poll whose client went away still takes a
message, and nothing survives a restart. It serves standard queues only.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import heapq
import itertools
import json
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.sqs import models
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid, SQSException
from werkzeug.serving import make_server

HOST = "127.0.0.1"
PORT_VARIABLE = "SQS_EMULATOR_PORT"
LONGEST_VISIBILITY = 12 * 60 * 60
LOOK_ROUND = 0.25  # seconds between two looks at whether a waiting client is still there


def _now() -> float:
    return time.time() * 1000  # moto keeps time in milliseconds


class Queue(models.Queue):
    """Messages by id, the visible ones in a line, the hidden and delayed ones in a heap by the time they come back."""

    __module__ = models.__name__  # moto files its classes by module
    BASE_ATTRIBUTES = [*models.Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    redrive_allow_policy: str | None = None

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        if self.fifo_queue:
            raise InvalidParameterValue("this emulator serves standard queues only")
        self.clear()

    def clear(self) -> None:
        self.kept: dict[str, models.Message] = {}
        self._by_handle: dict[str, str] = {}
        self._line: deque[str] = deque()
        self._away: dict[str, float] = {}  # id -> when it comes back
        self._delayed: set[str] = set()
        self._heap: list[tuple[float, int, str]] = []
        self._order = itertools.count()

    # The three counters, which moto reads on every call.

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        with self._messages_lock:
            self._bring_back()
            return len(self._delayed)

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        with self._messages_lock:
            self._bring_back()
            return len(self._away) - len(self._delayed)

    @property
    def approximate_number_of_messages(self) -> int:
        with self._messages_lock:
            self._bring_back()
            return len(self.kept) - len(self._away)

    def add_message(self, message: models.Message) -> None:
        with self._messages_lock:
            self.kept[message.id] = message
            for handle in filter(None, message.all_receipt_handles):
                self._by_handle[handle] = message.id
            comes = max(message.delayed_until, message.visible_at)
            if comes > _now():
                self._hide(message.id, comes)
                if message.delayed_until > _now():
                    self._delayed.add(message.id)
            else:
                self._line.append(message.id)
                self._messages_lock.notify()

    def receive(self, count: int, wait: float, visibility_timeout: int) -> list[models.Message]:
        """Up to ``count`` messages, waiting up to ``wait`` seconds for the first; nothing for a client that left."""
        deadline = time.monotonic() + wait
        with self._messages_lock:
            while True:
                self._bring_back()
                left = deadline - time.monotonic()
                if self._line and _client_left():
                    self._messages_lock.notify()  # somebody else's turn
                    return []
                if taken := self._take(count, visibility_timeout):
                    return taken
                if left <= 0 or _client_left():
                    return []
                self._messages_lock.wait(min(left, LOOK_ROUND, self._next_return()))

    def delete_message(self, receipt_handle: str) -> None:
        with self._messages_lock:
            message_id = self._by_handle.get(receipt_handle)
            if message_id is not None:
                self._forget(message_id)
            elif len(receipt_handle) < 100:  # a second delete is no error, a made-up handle is
                raise ReceiptHandleIsInvalid()

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        with self._messages_lock:
            self._bring_back()
            message_id = self._by_handle.get(receipt_handle)
            if message_id is None:
                raise ReceiptHandleIsInvalid()
            if message_id not in self._away:
                raise SQSException("MessageNotInflight", f"The message {message_id} is not in flight")
            if not 0 <= seconds <= LONGEST_VISIBILITY:
                raise InvalidParameterValue(f"Value {seconds} for parameter VisibilityTimeout is invalid.")
            self._hide(message_id, _now() + seconds * 1000)
            self._messages_lock.notify()

    def _take(self, count: int, visibility_timeout: int) -> list[models.Message]:
        taken: list[models.Message] = []
        while self._line and len(taken) < count:
            message = self.kept.get(self._line.popleft())
            if message is None or message.id in self._away:
                continue
            if self._is_worn_out(message):
                self._forget(message.id)
                message.visible_at = 0
                self.dead_letter_queue.add_message(message)  # type: ignore[union-attr]
                continue
            message.mark_received(visibility_timeout=visibility_timeout)
            self._by_handle[message.receipt_handle] = message.id  # type: ignore[index]
            self._hide(message.id, _now() + visibility_timeout * 1000)
            taken.append(copy.copy(message))
        if self._line:
            self._messages_lock.notify()
        return taken

    def _is_worn_out(self, message: models.Message) -> bool:
        policy = self.dead_letter_queue is not None and self.redrive_policy
        return bool(policy and message.approximate_receive_count >= policy["maxReceiveCount"])

    def _hide(self, message_id: str, until: float) -> None:
        self._away[message_id] = self.kept[message_id].visible_at = until
        heapq.heappush(self._heap, (until, next(self._order), message_id))

    def _bring_back(self) -> None:
        now = _now()
        while self._heap and self._heap[0][0] <= now:
            until, _, message_id = heapq.heappop(self._heap)
            if self._away.get(message_id) == until:
                del self._away[message_id]
                self._delayed.discard(message_id)
                self._line.append(message_id)

    def _next_return(self) -> float:
        return max(self._heap[0][0] - _now(), 1) / 1000 if self._heap else LOOK_ROUND

    def _forget(self, message_id: str) -> None:
        message = self.kept.pop(message_id)
        self._away.pop(message_id, None)
        self._delayed.discard(message_id)
        for handle in message.all_receipt_handles:
            self._by_handle.pop(handle, None)  # type: ignore[arg-type]


def _client_left() -> bool:
    """True if the connection of the request that we are answering is closed at the other end."""
    connection = flask.request.environ.get("werkzeug.socket") if flask.has_request_context() else None
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _receive(
    self: models.SQSBackend, queue_name: str, count: int, wait: int, visibility: int, names: Any = None
) -> list[models.Message]:
    queue: Any = self.get_queue(queue_name)
    received: list[models.Message] = queue.receive(int(count), float(wait or 0), int(visibility or 0))
    for message in received:
        models._filter_message_attributes(message, names or [])
    return received


def _change_visibility(self: models.SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
    queue: Any = self.get_queue(queue_name)
    queue.change_visibility(receipt_handle, int(visibility_timeout))


def _purge(self: models.SQSBackend, queue_name: str) -> None:
    queue: Any = self.get_queue(queue_name)
    with queue._messages_lock:
        queue.clear()


def patch_moto() -> None:
    """Put our queue under moto's SQS, in this process."""
    models.Queue = Queue  # type: ignore[misc]
    for owner, name, ours in (
        (models.Message, "__new__", lambda cls, *_, **__: object.__new__(cls)),  # moto keeps every message ever made
        (models.SQSBackend, "receive_message", _receive),
        (models.SQSBackend, "change_message_visibility", _change_visibility),
        (models.SQSBackend, "purge_queue", _purge),
    ):
        setattr(owner, name, ours)


# -- What survives a restart

_KEPT_ATTRIBUTES = (
    "VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "DelaySeconds",
    "RedriveAllowPolicy", "RedrivePolicy",
)  # fmt: skip


def _backends() -> Iterator[tuple[str, models.SQSBackend]]:
    yield from list(models.sqs_backends[DEFAULT_ACCOUNT_ID].items())


def save_and_stop(path: Path) -> None:
    """Write every queue and message, receive counts and receipt handles included, in one step.

    The queues stay locked: what is sent or received after this gets no answer rather than a wrong one.
    """
    state = {region: [_saved(queue) for queue in backend.queues.values()] for region, backend in _backends()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(state, default=str))
    draft.replace(path)


def _saved(queue: Any) -> dict[str, Any]:
    queue._messages_lock.acquire()
    attributes = {name: queue.attributes.get(name) for name in _KEPT_ATTRIBUTES}
    return {
        "name": queue.name,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messages": [vars(message) for message in queue.kept.values()],
    }


def restore(path: Path) -> None:
    """Read what :func:`save_and_stop` wrote; nothing if there is no such file."""
    if not path.exists():
        return
    try:
        _restore(path)
    except (ValueError, TypeError, KeyError, AttributeError):
        sys.exit(f"SQS emulator: {path} cannot be read; remove it to begin with no queues")


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


# -- The process


class Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's acknowledgment

    def log(self, *_: Any) -> None:
        """Quiet."""


def _listening_socket(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as exc:
        sys.exit(f"SQS emulator: port {port} cannot be used ({exc.strerror}); set {PORT_VARIABLE} to another")
    listener.listen(256)
    return listener


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="sqs_emulator", description="SQS on loopback, for development and tests.")
    parser.add_argument("--port", type=int, default=9324, help=f"0 takes a free one; see {PORT_VARIABLE}")
    parser.add_argument("--data", type=Path, help="keep queues and messages in this file from one run to the next")
    options = parser.parse_args(arguments)
    listener = _listening_socket(options.port)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    patch_moto()
    if options.data:
        restore(options.data)
    server = make_server(
        HOST, 0, create_backend_app("sqs"), threaded=True, request_handler=Handler, fd=listener.fileno()
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    print(f"SQS emulator on http://{HOST}:{listener.getsockname()[1]}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            server.serve_forever()
        finally:
            if options.data:
                save_and_stop(options.data)
            os._exit(0)  # open long polls hold nothing worth waiting for


if __name__ == "__main__":
    main()
