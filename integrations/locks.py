"""Advisory locks of PostgreSQL: at most one worker does some work at a time.

``session_lock`` needs no open transaction, so a worker can hold it during calls to a provider. A worker that dies
releases it, so the next holder knows that its predecessor has stopped. It needs a database session that is not shared:
a pooler in transaction mode breaks it. ``transaction_lock`` ends with the transaction.

Locks only order the work. Keys and unique constraints prevent double effects, so losing a lock in a failover is
harmless.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg import errors as postgres

from integrations.errors import TransientError


class Busy(TransientError):
    """Another worker holds this lock and did not release it in time."""


@contextmanager
def session_lock(name: str, *, wait_seconds: float = 10.0) -> Iterator[None]:
    """Hold the lock ``name`` for this block. Raises ``Busy`` if it is not free within ``wait_seconds``.

    Use it outside transactions: after a rollback the lock would still be held.
    """
    if transaction.get_connection().in_atomic_block:
        raise RuntimeError("session_lock() must be used outside a transaction.")
    key = lock_key(name)
    _acquire(key, name, wait_seconds)
    try:
        yield
    finally:
        _release(key)


def transaction_lock(name: str) -> None:
    """Hold the lock ``name`` until the current transaction ends. Raises ``Busy`` at once if it is not free."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("transaction_lock() must be used inside a transaction.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_key(name)])
        if not cursor.fetchone()[0]:
            raise Busy(f"Another transaction holds the lock {name}.")


def lock_key(name: str) -> int:
    """The 64-bit number under which PostgreSQL knows the lock."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def _acquire(key: int, name: str, wait_seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if cursor.fetchone()[0]:
            return
        try:
            with transaction.atomic():
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{int(wait_seconds * 1000)}ms"])
                cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        except OperationalError as error:
            if isinstance(error.__cause__, postgres.LockNotAvailable):
                raise Busy(f"Another worker holds the lock {name}.") from None
            raise


def _release(key: int) -> None:
    # PostgreSQL has already released the locks of a broken connection.
    if connection.connection is not None and not connection.connection.closed:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
