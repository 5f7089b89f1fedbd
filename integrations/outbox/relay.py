"""The relay moves due outbox rows to SQS, up to ten a call and per queue. Any number of relays may run.

Rows stay locked (``SKIP LOCKED``) while they are being sent, so a relay that dies gives them back at once: what it had
sent already goes out twice, nothing is lost. The calls have short time-outs, and SQS is our own broker: this is the
one place where a transaction is open during a network call.
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

from integrations import backoff
from integrations.outbox.models import OutboxMessage
from integrations.sqs import messages, sender, topology
from integrations.sqs.client import SqsUnavailable

logger = logging.getLogger(__name__)

CHANNEL = "outbox"
TAKE = 100
FIRST_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 300.0
QUEUES = {queue.name: queue for queue in topology.QUEUES}

SendBatch = Callable[[topology.Queue, Sequence[sender.OutgoingMessage]], sender.BatchResult]


@dataclass(slots=True)
class Round:
    """What one round did: ids that were sent, refused rows by reason, and queues that did not answer."""

    sent: list[UUID] = field(default_factory=list)
    refused: dict[str, list[OutboxMessage]] = field(default_factory=lambda: defaultdict(list))
    outages: dict[str, SqsUnavailable] = field(default_factory=dict)

    @property
    def made_progress(self) -> bool:
        return bool(self.sent or self.refused)


@transaction.atomic(durable=True)
def relay_due(
    *, send_batch: SendBatch = sender.send_batch, resting: Collection[str] = (), take: int = TAKE
) -> Round:
    """Send up to ``take`` due rows, but none of the ``resting`` queues.

    The rows of a queue that does not answer stay as they are; a row that SQS refuses is put back for later.
    """
    rows = (
        OutboxMessage.objects.filter(sent_at=None, not_before__lte=Now())
        .exclude(queue__in=resting)
        .order_by("not_before", "id")
        .select_for_update(skip_locked=True)[:take]
    )
    done = Round()
    for queue_name, batch in _by_queue(rows).items():
        _send(queue_name, batch, send_batch, done)
    OutboxMessage.objects.filter(pk__in=done.sent).update(
        sent_at=Now(), attempts=F("attempts") + 1, last_error=""
    )
    for reason, refused in done.refused.items():
        _put_back(refused, reason)
    return done


def _by_queue(rows: models.QuerySet[OutboxMessage]) -> dict[str, list[OutboxMessage]]:
    grouped: dict[str, list[OutboxMessage]] = defaultdict(list)
    for row in rows:
        grouped[row.queue].append(row)
    return grouped


def _send(queue_name: str, batch: list[OutboxMessage], send_batch: SendBatch, done: Round) -> None:
    if queue_name not in QUEUES:
        # Written by another release, or by hand: it must not hold up the others, nor stop the relay at each start.
        done.refused[f"unknown queue {queue_name!r}"[:300]] += batch
        return
    outgoing = []
    for row in batch:
        try:
            outgoing.append(_outgoing(row))
        except Exception as error:
            # A row of a task that this release no longer knows must not hold up the others.
            done.refused[f"cannot be encoded: {type(error).__name__}: {error}"[:300]].append(row)
    if not outgoing:
        return
    try:
        result = send_batch(QUEUES[queue_name], outgoing)
    except SqsUnavailable as outage:
        done.outages[queue_name] = outage
        return
    done.sent += [UUID(message_id) for message_id in result.sent]
    rows = {str(row.pk): row for row in batch}
    for message_id, failure in result.failed.items():
        done.refused[failure.reason[:300]].append(rows[message_id])


def _outgoing(row: OutboxMessage) -> sender.OutgoingMessage:
    body = messages.encode(task_name=row.task, task_id=str(row.pk), kwargs=row.kwargs, headers=row.headers)
    return sender.OutgoingMessage(id=str(row.pk), body=body, group=row.group or None)


def _put_back(rows: Collection[OutboxMessage], reason: str) -> None:
    """Keep the rows that SQS did not take, and send them again after 1, 2, 4 … at most 300 seconds."""
    logger.warning("SQS did not take %d outbox rows: %s", len(rows), reason)
    for row in rows:
        row.attempts += 1
        wait = backoff.exponential(row.attempts, first=FIRST_WAIT_SECONDS, maximum=MAX_WAIT_SECONDS)
        row.not_before = Now() + dt.timedelta(seconds=wait)
        row.last_error = reason
    OutboxMessage.objects.bulk_update(rows, ["attempts", "not_before", "last_error"])


def lag_seconds() -> float:
    """How long the oldest due row has waited, in seconds; 0 when nothing waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(EXTRACT(EPOCH FROM now() - min(not_before)), 0)"
            " FROM outbox_outboxmessage WHERE sent_at IS NULL AND not_before <= now()"
        )
        return float(cursor.fetchone()[0])


def seconds_until_due(*, at_most: float, resting: Collection[str] = ()) -> float:
    """How long until the next row of a queue that does not rest is due, in seconds, from 0 to ``at_most``."""
    waiting = OutboxMessage.objects.filter(sent_at=None).exclude(queue__in=resting).aggregate(due=Min("not_before"))
    if waiting["due"] is None:
        return at_most
    left = (waiting["due"] - dt.datetime.now(dt.UTC)).total_seconds()
    return min(at_most, max(0.0, left))
