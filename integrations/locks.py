"""Locks that a session of PostgreSQL holds: one worker at a time talks to a provider about one row.

They need no open transaction, and a worker that dies lets go of them, so whoever holds one knows that its predecessor
is no longer at work. They order the work; that nothing happens twice is kept by keys and unique constraints, so a lock
lost in a failover does no harm. They need a session of one's own: no pooler in transaction mode in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg import errors as postgres

from integrations.errors import TransientError


class Busy(TransientError):
    """Another worker holds this lock and took longer than we were ready to wait."""


@contextmanager
def session_lock(name: str, *, wait_seconds: float = 10.0) -> Iterator[None]:
    """Hold the lock ``name`` for this block. Raises ``Busy`` when it is not ours within ``wait_seconds``.

    Not inside a transaction: a rolled-back one would leave the lock behind.
    """
    if transaction.get_connection().in_atomic_block:
        raise RuntimeError("session_lock() belongs outside the transactions that it orders.")
    key = lock_key(name)
    _acquire(key, name, wait_seconds)
    try:
        yield
    finally:
        _release(key)


def lock_key(name: str) -> int:
    """The 64-bit number by which PostgreSQL knows the lock."""
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
                raise Busy(f"{name} is being worked on.") from None
            raise


def _release(key: int) -> None:
    # A connection that broke has let go of its locks already; a new one holds none.
    if connection.connection is not None and not connection.connection.closed:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
