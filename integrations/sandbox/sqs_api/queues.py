"""A queue for moto's SQS that is fast, thread-safe, and as strict as SQS.

Stock moto 5.2 recomputes all counters over all messages on every call, does not lock while it receives, wakes a long
poll only once a second, and gives a message to a client that has already left. This class serves standard queues only.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import socket
import time
from collections import deque
from typing import Any

import flask
from moto.sqs import models
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid, SQSException

MAX_VISIBILITY_SECONDS = 12 * 60 * 60
CLIENT_CHECK_SECONDS = 0.25  # how often a waiting receive checks that its client is still connected


def _now_milliseconds() -> float:
    return time.time() * 1000  # moto counts time in milliseconds


class Queue(models.Queue):
    """Messages by id, a line of the visible ones, and a heap of the hidden and delayed ones by their return time."""

    __module__ = models.__name__  # moto finds its classes by module
    BASE_ATTRIBUTES = [*models.Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    redrive_allow_policy: str | None = None

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        if self.fifo_queue:
            raise InvalidParameterValue("this emulator serves standard queues only")
        self.clear()

    def clear(self) -> None:
        self.messages_by_id: dict[str, models.Message] = {}
        self._by_handle: dict[str, str] = {}
        self._line: deque[str] = deque()
        self._away: dict[str, float] = {}  # id -> when it comes back
        self._delayed: set[str] = set()
        self._heap: list[tuple[float, int, str]] = []
        self._order = itertools.count()

    # moto reads these three counters on every call.

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        with self._messages_lock:
            self._return_due_messages()
            return len(self._delayed)

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        with self._messages_lock:
            self._return_due_messages()
            return len(self._away) - len(self._delayed)

    @property
    def approximate_number_of_messages(self) -> int:
        with self._messages_lock:
            self._return_due_messages()
            return len(self.messages_by_id) - len(self._away)

    def add_message(self, message: models.Message) -> None:
        with self._messages_lock:
            self.messages_by_id[message.id] = message
            for handle in filter(None, message.all_receipt_handles):
                self._by_handle[handle] = message.id
            returns_at = max(message.delayed_until, message.visible_at)
            if returns_at > _now_milliseconds():
                self._hide(message.id, returns_at)
                if message.delayed_until > _now_milliseconds():
                    self._delayed.add(message.id)
            else:
                self._line.append(message.id)
                self._messages_lock.notify()

    def receive(self, count: int, wait: float, visibility_timeout: int) -> list[models.Message]:
        """Receive up to ``count`` messages; wait up to ``wait`` seconds for one. Return none if the client has left."""
        deadline = time.monotonic() + wait
        with self._messages_lock:
            while True:
                self._return_due_messages()
                left = deadline - time.monotonic()
                if self._line and _client_left():
                    self._messages_lock.notify()  # let another waiting client take it
                    return []
                if received := self._receive_visible(count, visibility_timeout):
                    return received
                if left <= 0 or _client_left():
                    return []
                self._messages_lock.wait(min(left, CLIENT_CHECK_SECONDS, self._seconds_until_next_return()))

    def delete_message(self, receipt_handle: str) -> None:
        with self._messages_lock:
            message_id = self._by_handle.get(receipt_handle)
            if message_id is not None:
                self._remove(message_id)
            elif len(receipt_handle) < 100:  # deleting twice is allowed; an invented handle is an error
                raise ReceiptHandleIsInvalid()

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        with self._messages_lock:
            self._return_due_messages()
            message_id = self._by_handle.get(receipt_handle)
            if message_id is None:
                raise ReceiptHandleIsInvalid()
            if message_id not in self._away:
                raise SQSException("MessageNotInflight", f"The message {message_id} is not in flight")
            if not 0 <= seconds <= MAX_VISIBILITY_SECONDS:
                raise InvalidParameterValue(f"Value {seconds} for parameter VisibilityTimeout is invalid.")
            self._hide(message_id, _now_milliseconds() + seconds * 1000)
            self._messages_lock.notify()

    def _receive_visible(self, count: int, visibility_timeout: int) -> list[models.Message]:
        received: list[models.Message] = []
        while self._line and len(received) < count:
            message = self.messages_by_id.get(self._line.popleft())
            if message is None or message.id in self._away:
                continue
            if self._exceeds_receive_count(message):
                self._remove(message.id)
                message.visible_at = 0
                self.dead_letter_queue.add_message(message)  # type: ignore[union-attr]
                continue
            message.mark_received(visibility_timeout=visibility_timeout)
            self._by_handle[message.receipt_handle] = message.id  # type: ignore[index]
            self._hide(message.id, _now_milliseconds() + visibility_timeout * 1000)
            received.append(copy.copy(message))
        if self._line:
            self._messages_lock.notify()
        return received

    def _exceeds_receive_count(self, message: models.Message) -> bool:
        policy = self.dead_letter_queue is not None and self.redrive_policy
        return bool(policy and message.approximate_receive_count >= policy["maxReceiveCount"])

    def _hide(self, message_id: str, until: float) -> None:
        self._away[message_id] = self.messages_by_id[message_id].visible_at = until
        heapq.heappush(self._heap, (until, next(self._order), message_id))

    def _return_due_messages(self) -> None:
        now = _now_milliseconds()
        while self._heap and self._heap[0][0] <= now:
            until, _, message_id = heapq.heappop(self._heap)
            if self._away.get(message_id) == until:
                del self._away[message_id]
                self._delayed.discard(message_id)
                self._line.append(message_id)

    def _seconds_until_next_return(self) -> float:
        return max(self._heap[0][0] - _now_milliseconds(), 1) / 1000 if self._heap else CLIENT_CHECK_SECONDS

    def _remove(self, message_id: str) -> None:
        message = self.messages_by_id.pop(message_id)
        self._away.pop(message_id, None)
        self._delayed.discard(message_id)
        for handle in message.all_receipt_handles:
            self._by_handle.pop(handle, None)  # type: ignore[arg-type]


def _client_left() -> bool:
    """Whether the client of the current request has closed its connection."""
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
    """Replace the queue of moto's SQS by this one, in this process."""
    models.Queue = Queue  # type: ignore[misc]
    for owner, name, replacement in (
        (models.Message, "__new__", lambda cls, *_, **__: object.__new__(cls)),  # moto keeps every message forever
        (models.SQSBackend, "receive_message", _receive),
        (models.SQSBackend, "change_message_visibility", _change_visibility),
        (models.SQSBackend, "purge_queue", _purge),
    ):
        setattr(owner, name, replacement)
