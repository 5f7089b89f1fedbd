"""The relay sends due outbox rows to SQS, up to ten per call and queue. Any number of relays may run.

Rows stay locked (``SKIP LOCKED``) while the relay sends them. If it dies, the locks end at once and another relay sends
the rows: some messages are then sent twice, none is lost. This is the only place that holds a transaction open during a
network call; the calls to SQS have short time-outs.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import F, Min
from django.db.models.functions import Now
from django.utils import timezone

from integrations import backoff
from integrations.outbox.models import OutboxMessage
from integrations.sqs import messages, sender, topology
from integrations.sqs.client import SqsUnavailable

logger = logging.getLogger(__name__)

CHANNEL = "outbox"
ROWS_PER_ROUND = 100
FIRST_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 300.0
QUEUES = {queue.name: queue for queue in topology.QUEUES}

SendBatch = Callable[[topology.Queue, Sequence[sender.OutgoingMessage]], sender.BatchResult]


@dataclass(slots=True)
class Round:
    """The result of one round: the ids of sent rows, rejected rows by reason, and queues that did not answer."""

    sent: list[UUID] = field(default_factory=list)
    rejected: dict[str, list[OutboxMessage]] = field(default_factory=lambda: defaultdict(list))
    unavailable: dict[str, SqsUnavailable] = field(default_factory=dict)

    @property
    def made_progress(self) -> bool:
        return bool(self.sent or self.rejected)


@transaction.atomic(durable=True)
def relay_due(
    *, send_batch: SendBatch = sender.send_batch, skip_queues: Collection[str] = (), take: int = ROWS_PER_ROUND
) -> Round:
    """Send up to ``take`` due rows, except those of ``skip_queues``.

    If a queue does not answer, its rows stay as they are. A row that SQS rejects is sent again later.
    """
    rows = (
        OutboxMessage.objects.filter(sent_at=None, not_before__lte=Now())
        .exclude(queue__in=skip_queues)
        .order_by("not_before", "id")
        .select_for_update(skip_locked=True)[:take]
    )
    done = Round()
    for queue_name, batch in _by_queue(rows).items():
        _send(queue_name, batch, send_batch, done)
    OutboxMessage.objects.filter(pk__in=done.sent).update(
        sent_at=Now(), attempts=F("attempts") + 1, last_error=""
    )
    for reason, rejected in done.rejected.items():
        _put_back(rejected, reason)
    return done


def _by_queue(rows: models.QuerySet[OutboxMessage]) -> dict[str, list[OutboxMessage]]:
    grouped: dict[str, list[OutboxMessage]] = defaultdict(list)
    for row in rows:
        grouped[row.queue].append(row)
    return grouped


def _send(queue_name: str, batch: list[OutboxMessage], send_batch: SendBatch, done: Round) -> None:
    if queue_name not in QUEUES:
        # Another release may have written this row. It must not stop the relay or delay other rows.
        done.rejected[f"unknown queue {queue_name!r}"[:300]] += batch
        return
    outgoing = []
    for row in batch:
        try:
            outgoing.append(_outgoing(row))
        except Exception as error:
            # This release may not know the task any more. The row must not delay other rows.
            done.rejected[f"cannot be encoded: {type(error).__name__}: {error}"[:300]].append(row)
    if not outgoing:
        return
    try:
        result = send_batch(QUEUES[queue_name], outgoing)
    except SqsUnavailable as error:
        done.unavailable[queue_name] = error
        return
    done.sent += [UUID(message_id) for message_id in result.sent]
    rows = {str(row.pk): row for row in batch}
    for message_id, failure in result.failed.items():
        done.rejected[failure.reason[:300]].append(rows[message_id])


def _outgoing(row: OutboxMessage) -> sender.OutgoingMessage:
    body = messages.encode(task_name=row.task, task_id=str(row.pk), kwargs=row.kwargs, headers=row.headers)
    return sender.OutgoingMessage(id=str(row.pk), body=body, group=row.group or None)


def _put_back(rows: Collection[OutboxMessage], reason: str) -> None:
    """Keep rejected rows, and send them again after 1, 2, 4 … at most 300 seconds."""
    logger.warning("SQS rejected %d outbox rows: %s", len(rows), reason)
    for row in rows:
        row.attempts += 1
        wait = backoff.exponential(row.attempts, first=FIRST_WAIT_SECONDS, maximum=MAX_WAIT_SECONDS)
        row.not_before = Now() + dt.timedelta(seconds=wait)
        row.last_error = reason
    OutboxMessage.objects.bulk_update(rows, ["attempts", "not_before", "last_error"])


def lag_seconds() -> float:
    """For how many seconds the oldest due row has waited; 0 if no row waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(EXTRACT(EPOCH FROM now() - min(not_before)), 0)"
            " FROM outbox_outboxmessage WHERE sent_at IS NULL AND not_before <= now()"
        )
        return float(cursor.fetchone()[0])


def seconds_until_due(*, at_most: float, skip_queues: Collection[str] = ()) -> float:
    """The seconds until the next row is due, except rows of ``skip_queues``; from 0 to ``at_most``."""
    waiting = OutboxMessage.objects.filter(sent_at=None).exclude(queue__in=skip_queues).aggregate(due=Min("not_before"))
    if waiting["due"] is None:
        return at_most
    left = (waiting["due"] - timezone.now()).total_seconds()
    return min(at_most, max(0.0, left))
