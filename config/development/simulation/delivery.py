"""Delivers the messages of the outbox to their tasks, as SQS and the workers do: at least once, with the retry ladder.

A message is lost, duplicated, or its worker is killed, if ``luck`` says so.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from celery import current_app

from config.development.simulation.agenda import Agenda
from config.development.simulation.clock import Clock
from config.development.simulation.providers import Providers, WorkerKilled
from integrations.errors import PermanentError, TransientError
from integrations.outbox import relay
from integrations.sqs.current import topology
from integrations.sqs.sender import BatchResult, OutgoingMessage
from integrations.sqs.topology import Queue

MAX_RELAYED = 1000
DUPLICATED_AFTER = dt.timedelta(seconds=20)


@dataclass(slots=True)
class Message:
    """A message in a queue. ``receives``: how often it was received before."""

    task: str
    kwargs: dict[str, Any]
    queue: Queue
    receives: int = 0


class Luck(Protocol):
    """The accidents of one message."""

    def is_lost(self) -> bool: ...

    def is_duplicated(self) -> bool: ...

    def is_killed(self) -> bool: ...


class Delivery:
    """The relay, SQS and the workers."""

    def __init__(
        self,
        *,
        clock: Clock,
        agenda: Agenda,
        providers: Providers,
        luck: Luck,
        on_failure: Callable[[], None],
    ) -> None:
        self._on_failure = on_failure
        self._clock, self._agenda, self._providers, self._luck = clock, agenda, providers, luck
        self.counts: Counter[str] = Counter()
        self.dead: list[tuple[Message, str]] = []

    def relay(self) -> None:
        """Send the messages that are due, in the order in which they were written."""
        relay.relay_due(send_batch=self._send, take=MAX_RELAYED)

    def _send(self, queue: Queue, entries: Sequence[OutgoingMessage]) -> BatchResult:
        for entry in entries:
            message = _decoded(entry, queue)
            if self._luck.is_lost():
                self.counts["lost"] += 1
                continue
            self._agenda.add(self._clock.now, partial(self._deliver, message))
            if self._luck.is_duplicated():
                self.counts["duplicated"] += 1
                again = Message(task=message.task, kwargs=message.kwargs, queue=queue)
                self._agenda.add(self._clock.now + DUPLICATED_AFTER, partial(self._deliver, again))
        return BatchResult(sent=[entry.id for entry in entries])

    def _deliver(self, message: Message) -> None:
        message.receives += 1
        self.counts["delivered"] += 1
        self._providers.kill_next_call = self._luck.is_killed()
        try:
            current_app.tasks[message.task](**message.kwargs)
        except WorkerKilled:
            self.counts["killed"] += 1
            self._retry(message, wait=topology().ladder[0], reason="WorkerKilled")
        except PermanentError as error:
            self._bury(message, type(error).__name__)
        except Exception as error:
            asked_for = error.retry_after if isinstance(error, TransientError) else None
            self._retry(message, wait=asked_for or 0, reason=type(error).__name__)
        finally:
            self._providers.kill_next_call = False

    def _retry(self, message: Message, *, wait: float, reason: str) -> None:
        ladder = topology().ladder
        self._on_failure()
        if message.receives > len(ladder):
            self._bury(message, reason)
            return
        self.counts["retried"] += 1
        seconds = max(wait, ladder[message.receives - 1])
        self._agenda.add(self._clock.now + dt.timedelta(seconds=seconds), partial(self._deliver, message))

    def _bury(self, message: Message, reason: str) -> None:
        self.counts["dead letters"] += 1
        self.dead.append((message, reason))


def _decoded(entry: OutgoingMessage, queue: Queue) -> Message:
    envelope = json.loads(base64.b64decode(entry.body))
    _, kwargs, _ = json.loads(base64.b64decode(envelope["body"]))
    return Message(task=envelope["headers"]["task"], kwargs=kwargs, queue=queue)
