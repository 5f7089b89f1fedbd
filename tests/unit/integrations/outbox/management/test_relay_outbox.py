"""The relay's loop with its own database session: new rows wake it, and it survives a lost database."""

from __future__ import annotations

import functools
import signal
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from django.db import connection

from integrations.outbox import relay
from integrations.outbox.management.commands import relay_outbox
from integrations.outbox.management.commands.relay_outbox import Relay
from integrations.outbox.models import OutboxMessage
from integrations.sqs.sender import BatchResult, OutgoingMessage
from integrations.sqs.topology import Queue
from tests.support.processes import wait_for

# Longer than the tests, so that the end of a wait never sends a row.
WAIT_SECONDS = 120.0
SOON = 20.0
WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND state = 'idle' AND query LIKE 'SELECT MIN(%%not_before%%'"
)


def take_all(queue: Queue, entries: Sequence[OutgoingMessage]) -> BatchResult:
    return BatchResult(sent=[entry.id for entry in entries])


@pytest.fixture
def loop(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A relay in its own thread. It sends no messages."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # only the main thread may set handlers
    monkeypatch.setattr(relay, "relay_due", functools.partial(relay.relay_due, send_batch=take_all))
    monkeypatch.setattr(relay_outbox, "MAX_WAIT_FOR_ROWS_SECONDS", WAIT_SECONDS)
    running = Relay()

    def run() -> None:
        try:
            running.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield running
    finally:
        running.stopping.set()
        wait_for(lambda: end_session() or not thread.is_alive(), seconds=SOON, what="the relay ends")


def waiting_session() -> int | None:
    """The database session of a waiting relay."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        found = cursor.fetchone()
    return found[0] if found else None


def end_session() -> None:
    """End the session, as a failover does."""
    pid = waiting_session()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def write(**fields: object) -> OutboxMessage:
    return OutboxMessage.objects.create(
        task="orders.start_fulfillment", queue="OrdersQueue", kwargs={"order_id": "1"}, **fields
    )


def is_sent(row: OutboxMessage) -> bool:
    return OutboxMessage.objects.filter(pk=row.pk).exclude(sent_at=None).exists()


def assert_woken_by_a_row() -> None:
    wait_for(waiting_session, seconds=SOON, what="the relay waits")
    row = write()
    wait_for(lambda: is_sent(row), seconds=SOON, what="the row is sent, long before the wait ends")


def test_a_new_row_wakes_the_relay(loop: Relay) -> None:
    assert_woken_by_a_row()
    assert_woken_by_a_row()


def test_the_relay_waits_for_an_unavailable_database_and_listens_again(loop: Relay) -> None:
    wait_for(waiting_session, seconds=SOON, what="the relay waits")
    nowhere = {"HOST": "127.0.0.1", "PORT": "9"}
    before = {name: connection.settings_dict[name] for name in nowhere}
    connection.settings_dict.update(nowhere)  # for new sessions; the test keeps its own
    try:
        began = time.monotonic()
        end_session()
        wait_for(lambda: loop.database.failures >= 3, seconds=SOON, what="it has tried three times")
        assert time.monotonic() - began > 0.7, "the waits grow from a quarter of a second to half a second"
    finally:
        connection.settings_dict.update(before)
    assert_woken_by_a_row()
    assert_woken_by_a_row()
    assert loop.database.failures == 0
