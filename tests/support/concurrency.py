"""Tests that run code at the same moment in several threads, or kill a worker at a chosen line."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
from django.db import OperationalError, connection, connections, transaction
from django.db.models import Model
from stripe._api_requestor import _APIRequestor

import charges.operations
import orders.operations
from integrations.http import JsonClient

# Threads


def at_once(*tasks: Callable[[], Any], times: int = 1) -> list[Any]:
    """Run all tasks at the same moment, each ``times`` times, in threads with their own database connections.

    Returns for each run, in the order of the tasks, its return value or the exception that it raised.
    """
    runs = [task for task in tasks for _ in range(times)]
    barrier = threading.Barrier(len(runs))

    def run(task: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return task()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(run, runs))


def errors_at_once(*tasks: Callable[[], Any], times: int = 1) -> list[Exception]:
    """Run all tasks as ``at_once`` does. Returns only the exceptions."""
    return [result for result in at_once(*tasks, times=times) if isinstance(result, Exception)]


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Start the work in a thread with its own database connection."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_until_blocked(thread: threading.Thread) -> None:
    """Wait until the thread waits for a lock of the database, or until it has ended."""
    with connection.cursor() as cursor:
        while thread.is_alive():
            # Not pg_locks: other test processes have their own databases on this server, and their own waits.
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction keeps what it read first
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return


def is_locked(row: Model) -> bool:
    """Whether another transaction holds a lock on the row."""

    def try_to_lock() -> None:
        with transaction.atomic():
            type(row)._default_manager.select_for_update(nowait=True).get(pk=row.pk)

    (error,) = at_once(try_to_lock)
    if error is not None and not isinstance(error, OperationalError):
        raise error
    return error is not None


# Killed workers


class Died(BaseException):
    """The worker was killed here."""


def dying(function: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """The function as it runs in a worker that is killed directly before or directly after it."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if after:
            function(*args, **kwargs)
        raise Died(function.__name__)

    return run


CHARGES = str(Path(charges.operations.__path__[0]))
FOLDERS = (CHARGES, str(Path(orders.operations.__path__[0])))
COMMIT = psycopg.Connection.commit.__code__
EXECUTE = psycopg.Cursor.execute.__code__
CALL_STRIPE = _APIRequestor.request_raw.__code__
CALL_OTHERS = JsonClient.request.__code__

# A file of the operations, a line in it, and the number of the run of that line.
Moment = tuple[str, int, int]


class Moments:
    """Records the lines of the operations in ``folders`` at which a crash has different consequences than at the line
    recorded before, because a commit or a call to a provider happened in between. With ``die_at``, dies at that line.

    Of several lines with the same consequences, the last one is recorded: there the most work is lost.
    """

    def __init__(self, die_at: Moment | None = None, *, folders: tuple[str, ...] = (CHARGES,)) -> None:
        self.folders = folders
        self.seen: list[Moment] = []
        self.die_at = die_at
        self._runs: Counter[tuple[str, int]] = Counter()
        self._lasting = 0
        self._recorded_at = -1

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        self._lasting += outlives_the_process(frame)
        return self._line if frame.f_code.co_filename.startswith(self.folders) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            line = (Path(frame.f_code.co_filename).name, frame.f_lineno)
            self._runs[line] += 1
            self._reached((*line, self._runs[line]))
        return self._line

    def _reached(self, moment: Moment) -> None:
        if moment == self.die_at:
            sys.settrace(None)
            raise Died(f"{moment}")
        if self._recorded_at == self._lasting:
            self.seen[-1] = moment
        else:
            self.seen.append(moment)
            self._recorded_at = self._lasting


def outlives_the_process(call: FrameType) -> bool:
    """Whether the called function commits a transaction or sends a request to a provider."""
    if call.f_code is EXECUTE:
        cursor, statement = call.f_locals["self"], call.f_locals["query"]
        return bool(cursor.connection.autocommit) and not str(statement).startswith("SELECT")
    return call.f_code in (COMMIT, CALL_STRIPE, CALL_OTHERS)


class DiesAfter:
    """Dies when this many lines of the operations of charges and orders have run."""

    def __init__(self, lines: int) -> None:
        self.left = lines

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(FOLDERS) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            self.left -= 1
            if self.left <= 0:
                sys.settrace(None)
                raise Died(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        return self._line
