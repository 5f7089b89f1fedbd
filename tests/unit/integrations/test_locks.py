from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from integrations.locks import Busy, lock_key, session_lock, transaction_lock
from tests.support.concurrency import at_once


def holding(name: str, held: threading.Event, release: threading.Event, *, die: bool = False) -> threading.Thread:
    def hold() -> None:
        manager = session_lock(name)
        manager.__enter__()
        held.set()
        release.wait(20)
        if not die:
            manager.__exit__(None, None, None)
        connection.close()  # as if the worker's process was killed

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    return thread


@pytest.mark.parametrize("die", [False, True], ids=["released", "died"])
def test_a_waiting_worker_gets_the_lock_when_its_holder_releases_it_or_dies(transactional_db: None, die: bool) -> None:
    held, release = threading.Event(), threading.Event()
    thread = holding("charge:1", held, release, die=die)
    with pytest.raises(Busy), session_lock("charge:1", wait_seconds=0.05):
        pass
    with session_lock("charge:2", wait_seconds=0.05):
        pass
    threading.Timer(0.1, release.set).start()
    with session_lock("charge:1", wait_seconds=20):
        assert release.is_set()
    thread.join()


def test_a_lock_is_released_when_the_work_fails(transactional_db: None) -> None:
    with pytest.raises(ZeroDivisionError), session_lock("charge:1"):
        raise ZeroDivisionError
    held, release = threading.Event(), threading.Event()
    release.set()
    holding("charge:1", held, release).join()
    assert held.is_set()


def test_a_lock_is_not_taken_inside_a_transaction(transactional_db: None) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError), session_lock("charge:1"):
        pass


def test_no_transaction_is_open_while_the_lock_is_held(transactional_db: None) -> None:
    """A transaction that is open during a call to a provider would hold back VACUUM and keep row locks."""

    def state_and_locks(pid: int) -> tuple[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state, (SELECT count(*) FROM pg_locks WHERE pid = %(pid)s AND locktype = 'advisory')"
                " FROM pg_stat_activity WHERE pid = %(pid)s",
                {"pid": pid},
            )
            return tuple(cursor.fetchone())

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    with session_lock("charge:1"):
        connection.cursor().execute("SELECT 1")
        assert at_once(lambda: state_and_locks(pid)) == [("idle", 1)]
        with transaction.atomic():
            connection.cursor().execute("SELECT 1")
            assert at_once(lambda: state_and_locks(pid)) == [("idle in transaction", 1)], "the query sees transactions"
    assert at_once(lambda: state_and_locks(pid)) == [("idle", 0)]


def test_different_names_have_different_keys() -> None:
    assert len({lock_key(f"charge:{number}") for number in range(10_000)}) == 10_000
    assert lock_key("charge:1") == lock_key("charge:1")


def test_a_transaction_lock_is_held_by_one_transaction_at_a_time(transactional_db: None) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            transaction_lock("key:1")
            held.set()
            release.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    with transaction.atomic():
        transaction_lock("key:2")
        with pytest.raises(Busy, match="key:1"):
            transaction_lock("key:1")
    release.set()
    thread.join()
    with transaction.atomic():
        transaction_lock("key:1")


def test_a_transaction_lock_needs_a_transaction(transactional_db: None) -> None:
    with pytest.raises(RuntimeError):
        transaction_lock("key:1")
