from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.outbox import relay
from integrations.outbox.events import publish_all
from integrations.outbox.models import OutboxMessage
from integrations.sqs.client import SqsUnavailable
from integrations.sqs.sender import BatchResult, Failure, OutgoingMessage
from integrations.sqs.topology import Queue
from orders.events import OrderPlaced
from tests.support.concurrency import errors_at_once


class Broker:
    """A fake SQS. It rejects the messages in ``reject`` and does not answer for the queues in ``away``."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.reject: set[str] = set()
        self.away: set[str] = set()

    def __call__(self, queue: Queue, entries: Sequence[OutgoingMessage]) -> BatchResult:
        if queue.name in self.away:
            raise SqsUnavailable("away")
        result = BatchResult()
        for entry in entries:
            if entry.id in self.reject:
                result.failed[entry.id] = Failure("InternalError: try again", sender_fault=False)
            else:
                self.taken.append((queue.name, entry.id))
                result.sent.append(entry.id)
        return result


def place(count: int, *, not_before: dt.datetime | None = None) -> None:
    events = [OrderPlaced(order_id=uuid4(), customer_id=uuid4()) for _ in range(count)]
    with transaction.atomic():
        publish_all(events, not_before=not_before)


def relay_until_dry(broker: Broker, **options: int) -> int:
    rounds = 0
    while relay.relay_due(send_batch=broker, **options).made_progress:
        rounds += 1
    return rounds


def test_every_due_row_is_sent_once_and_marked_as_sent(transactional_db: None) -> None:
    place(30)
    broker = Broker()
    relay_until_dry(broker, take=16)
    assert len(broker.taken) == len(set(broker.taken)) == 60
    assert not OutboxMessage.objects.filter(sent_at=None).exists()


def test_a_row_that_is_not_due_waits(transactional_db: None) -> None:
    place(1, not_before=timezone.now() + dt.timedelta(days=30))
    broker = Broker()
    relay_until_dry(broker)
    assert broker.taken == []
    assert relay.lag_seconds() == 0
    OutboxMessage.objects.update(not_before=timezone.now() - dt.timedelta(seconds=5))
    assert relay.lag_seconds() >= 5
    relay_until_dry(broker)
    assert len(broker.taken) == 2


def test_rejected_rows_are_sent_again_later(transactional_db: None) -> None:
    place(2)
    broker = Broker()
    rejected = OutboxMessage.objects.earliest("id")
    broker.reject = {str(rejected.pk)}
    relay_until_dry(broker)
    assert len(broker.taken) == 3
    rejected.refresh_from_db()
    assert (rejected.sent_at, rejected.attempts) == (None, 1)
    assert "InternalError" in rejected.last_error
    assert rejected.not_before > timezone.now()
    broker.reject = set()
    OutboxMessage.objects.filter(pk=rejected.pk).update(not_before=timezone.now())
    relay_until_dry(broker)
    assert len(broker.taken) == 4


def test_the_waits_of_a_rejected_row_double_up_to_five_minutes(transactional_db: None) -> None:
    OutboxMessage.objects.create(task="orders.unknown", queue="GoneQueue", kwargs={})
    waits = []
    for _ in range(11):
        OutboxMessage.objects.update(not_before=timezone.now())
        relay.relay_due(send_batch=Broker())
        waits.append((OutboxMessage.objects.get().not_before - timezone.now()).total_seconds())
    assert [round(wait) for wait in waits] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_queue_that_does_not_answer_does_not_delay_others(transactional_db: None) -> None:
    place(3)
    broker = Broker()
    broker.away = {"ChargesQueue"}
    done = relay.relay_due(send_batch=broker)
    assert set(done.unavailable) == {"ChargesQueue"}
    assert {queue for queue, _ in broker.taken} == {"EmailsQueue"}
    waiting = OutboxMessage.objects.filter(sent_at=None)
    assert {(row.queue, row.attempts) for row in waiting} == {("ChargesQueue", 0)}
    assert not relay.relay_due(send_batch=broker, skip_queues=["ChargesQueue"]).made_progress
    broker.away = set()
    relay_until_dry(broker)
    assert len(broker.taken) == 6


def test_a_row_of_an_unknown_task_does_not_delay_others(transactional_db: None) -> None:
    place(1)
    OutboxMessage.objects.create(task="orders.long_gone", queue="OrdersQueue", kwargs={})
    broker = Broker()
    relay_until_dry(broker)
    assert len(broker.taken) == 2
    left = OutboxMessage.objects.get(sent_at=None)
    assert "long_gone" in left.last_error


def test_a_row_of_an_unknown_queue_does_not_delay_others(transactional_db: None) -> None:
    OutboxMessage.objects.create(task="orders.start_fulfillment", queue="GoneQueue", kwargs={})
    place(1)
    broker = Broker()
    relay_until_dry(broker)
    assert {queue for queue, _ in broker.taken} == {"ChargesQueue", "EmailsQueue"}
    left = OutboxMessage.objects.get(sent_at=None)
    assert "GoneQueue" in left.last_error
    assert left.not_before > timezone.now()


def test_a_relay_that_dies_between_send_and_commit_loses_nothing(transactional_db: None) -> None:
    place(5)
    broker = Broker()

    class PowerCut(BaseException):
        pass

    def send_and_die(queue: Queue, entries: Sequence[OutgoingMessage]) -> BatchResult:
        broker(queue, entries)
        raise PowerCut

    with pytest.raises(PowerCut):
        relay.relay_due(send_batch=send_and_die)
    relay_until_dry(broker)
    ids = [message_id for _, message_id in broker.taken]
    assert set(ids) == {str(pk) for pk in OutboxMessage.objects.values_list("pk", flat=True)}
    assert len(ids) > 10


def test_concurrent_relays_take_different_rows(transactional_db: None) -> None:
    place(50)
    broker, lock = Broker(), threading.Lock()

    def send(queue: Queue, entries: Sequence[OutgoingMessage]) -> BatchResult:
        with lock:
            return broker(queue, entries)

    def run() -> None:
        while relay.relay_due(send_batch=send, take=7).made_progress:
            pass

    assert errors_at_once(run, times=4) == []
    relay_until_dry(broker)
    assert len(broker.taken) == len(set(broker.taken)) == 100


def test_the_number_of_statements_does_not_grow_with_the_rows(
    transactional_db: None, django_assert_max_num_queries: object
) -> None:
    place(50)
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        relay.relay_due(send_batch=Broker())


def test_writing_a_row_notifies_listeners(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {relay.CHANNEL}")
    place(1)
    assert len(list(connection.connection.notifies(timeout=5, stop_after=1))) == 1
