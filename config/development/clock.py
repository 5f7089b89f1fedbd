"""The clock of a development shop, which ``fast_forward`` moves. See docs/adr/0025-fast-forward-moves-the-clock.md.

All processes of the shop read how far it was moved: Python from a file, and PostgreSQL from a table. The sandbox has a
clock of its own. Logs, rate limits, and the signatures of webhooks keep the real time.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

CLOCK_FILE = "SHOP_CLOCK_FILE"
SCHEMA = "development"
MOVED_TIME = f"pg_catalog.statement_timestamp() + (SELECT moved FROM {SCHEMA}.clock)"


class Clock:
    """The real time plus the seconds in a file, which is read again after each change."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_at: int | None = None
        self._moved = dt.timedelta()

    def __call__(self) -> dt.datetime:
        """The time of the shop."""
        return dt.datetime.now(dt.UTC) + self.moved

    @property
    def moved(self) -> dt.timedelta:
        """How far the clock is ahead of the real time."""
        try:
            changed_at = os.stat(self._file).st_mtime_ns  # noqa: PTH116  half the time of Path.stat(), for each now()
        except FileNotFoundError:
            return self._moved
        if changed_at != self._read_at:
            self._moved = dt.timedelta(seconds=float(self._file.read_text()))
            self._read_at = changed_at
        return self._moved

    def advance(self, by: dt.timedelta) -> None:
        """Move the clock of all processes and of the database."""
        from django.db import connection

        moved = self.moved + by
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {SCHEMA}.clock SET moved = make_interval(secs => %s)", [moved.total_seconds()])
        replacement = self._file.with_suffix(".new")
        replacement.write_text(str(moved.total_seconds()))
        replacement.replace(self._file)


def shop_clock() -> Clock | None:
    """The clock of the shop that this process belongs to; None if its clock cannot be moved."""
    file = os.environ.get(CLOCK_FILE, "")
    return Clock(Path(file)) if file else None


def follow() -> None:
    """Have this process use the clock of its shop, if that can be moved. Call it when Django's apps are loaded."""
    from django.apps import apps
    from django.db.backends.signals import connection_created
    from django.db.models.signals import post_migrate, pre_migrate
    from django.utils import timezone

    clock = shop_clock()
    if clock is None:
        return
    timezone.now = clock
    connection_created.connect(_use_moved_time)
    # Each command sends one signal for each app; one of them is enough.
    app = apps.get_app_config("subscriptions")
    pre_migrate.connect(_use_real_time, sender=app)
    post_migrate.connect(_prepare_database, sender=app)


def _use_moved_time(**_: Any) -> None:
    from config.development import database_time

    database_time.use_time_of(SCHEMA)


def _use_real_time(**_: Any) -> None:
    """Migrations create their tables in the first schema of the search path."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET search_path = public")


def _prepare_database(**_: Any) -> None:
    """Create the functions, if they do not exist, and bind the defaults of new columns to them."""
    from django.db import connection

    from config.development import database_time

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.clock (moved interval NOT NULL)")
        cursor.execute(
            f"INSERT INTO {SCHEMA}.clock SELECT interval '0' WHERE NOT EXISTS (SELECT FROM {SCHEMA}.clock)"
        )
    database_time.replace_time(schema=SCHEMA, time=MOVED_TIME)
    database_time.use_time_of(SCHEMA)
