"""A lower app publishes an event; a higher app declares a task that consumes it.

``publish(OrderPlaced(order_id=...))`` writes one outbox row per consumer in the caller's transaction. The relay sends
the message only if the transaction commits.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction

from integrations import logs
from integrations.outbox.models import OutboxMessage
from integrations.sqs.arguments import as_json_scalars
from integrations.sqs.tasks import queue_for, task
from integrations.sqs.topology import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, named in the past tense. Its fields are ids and small scalars, nothing personal.

    ``subject_field`` names the field with the id of the row that the event is about, such as ``order_id``.
    ``group_field`` names the field by which SQS shares a queue fairly, so that no group can delay the others.
    """

    subject_field: ClassVar[str] = ""
    group_field: ClassVar[str] = ""

    @property
    def subject_type(self) -> str:
        """The kind of row that the event is about, such as ``order``; empty if the event has no subject."""
        return self.subject_field.removesuffix("_id")

    @property
    def subject_id(self) -> UUID | None:
        """The id of the row that the event is about; None if the event has no subject."""
        return getattr(self, self.subject_field) if self.subject_field else None

    @property
    def group(self) -> str:
        """The group of the event's messages; empty if the event has no group."""
        return str(getattr(self, self.group_field)) if self.group_field else ""


class PublishedOutsideTransaction(Exception):
    """An event must be published inside the transaction that it reports on; that one may still roll back."""


class NobodyListens(Exception):
    """No task consumes this event: the consumer is missing, or its module was not imported."""


_consumers: dict[type[Event], list[str]] = defaultdict(list)


def consumes(*events: type[Event], name: str, queue: Queue) -> Callable[[Callable[..., Any]], Any]:
    """Make a function the task ``name`` on ``queue``, called for each of these events.

    The function takes the events' fields by keyword, and ``**_`` for fields of newer releases.
    """

    def declare(function: Callable[..., Any]) -> Any:
        declared = task(name=name, queue=queue)(function)
        for event in events:
            _consumers[event].append(name)
        return declared

    return declare


def consumers_of(event: type[Event]) -> tuple[str, ...]:
    """The names of the tasks that consume this event."""
    return tuple(_consumers.get(event, ()))


def publish(event: Event, *, not_before: dt.datetime | None = None) -> None:
    """Write one message for each consumer of this event. ``not_before`` delays it durably.

    Raises PublishedOutsideTransaction, NobodyListens, and TypeError if a field is not an id or a small scalar.
    """
    publish_all([event], not_before=not_before)


def publish_all(events: Iterable[Event], *, not_before: dt.datetime | None = None) -> None:
    """Write many events in one statement. See ``publish``."""
    publish_each((event, not_before) for event in events)


def publish_each(events: Iterable[tuple[Event, dt.datetime | None]]) -> None:
    """Write many events in one statement, each with its own ``not_before``. See ``publish``."""
    if not transaction.get_connection().in_atomic_block:
        raise PublishedOutsideTransaction("publish() must be called inside the transaction that it reports on.")
    rows = [row for event, not_before in events for row in _rows(event, not_before)]
    OutboxMessage.objects.bulk_create(rows, batch_size=1000)


def _rows(event: Event, not_before: dt.datetime | None) -> list[OutboxMessage]:
    names = consumers_of(type(event))
    if not names:
        raise NobodyListens(f"{type(event).__name__} has no consumer.")
    kwargs = as_json_scalars({field.name: getattr(event, field.name) for field in dataclasses.fields(event)})
    headers = {"event": type(event).__name__}
    if request_id := logs.request_id():
        headers["request_id"] = request_id
    extra: dict[str, Any] = {} if not_before is None else {"not_before": not_before}
    return [
        OutboxMessage(
            task=name,
            queue=queue_for(name).name,
            kwargs=kwargs,
            headers=headers,
            subject_type=event.subject_type,
            subject_id=event.subject_id,
            group=event.group,
            **extra,
        )
        for name in names
    ]
