"""A database for one simulation. It is created on the server of the settings and dropped at the end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import OperationalError, connection

from config.development.database_time import replace_time, use_time_of

PREFIX = "simulation_"

SCHEMA = "simulation"


@contextmanager
def own_database(*, template: str | None = None) -> Iterator[None]:
    """Use an empty, migrated database with a simulated time within this block.

    ``template`` names a migrated database to copy, which is faster than the migrations.
    """
    usual = dict(connection.settings_dict)
    name = f"{PREFIX}{os.getpid()}"
    connection.close()
    with connection._nodb_cursor() as cursor:
        _drop_unused(cursor)
        cursor.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    try:
        connection.settings_dict.update(NAME=name, CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=False)
        if template is None:
            call_command("migrate", verbosity=0, interactive=False)
        replace_time(schema=SCHEMA, time="current_setting('simulation.now')::timestamptz")
        use_time_of(SCHEMA)
        with connection.cursor() as cursor:
            # It is lost at the end anyway, so no commit waits for the disk.
            cursor.execute("SET synchronous_commit = off")
            cursor.execute("SET jit = off")
        yield
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(usual)
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _drop_unused(cursor: Any) -> None:
    """Drop the databases of simulations that were killed. A database that a session uses cannot be dropped."""
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
    for (name,) in cursor.fetchall():
        with contextlib.suppress(OperationalError):
            cursor.execute(f'DROP DATABASE "{name}"')
