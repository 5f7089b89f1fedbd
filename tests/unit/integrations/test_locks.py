from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from integrations.locks import Busy, lock_key, session_lock, transaction_lock


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
    with session_lock("charge:1"), connection.cursor() as cursor:
        cursor.execute("SELECT state FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert not connection.in_atomic_block
    assert lock_key("charge:1") != lock_key("charge:2")


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
