"""A database for one simulation. It is created on the server of the settings and dropped at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection

PREFIX = "simulation_"

# The functions hide those of ``pg_catalog``, because their schema comes first in the search path. A column default is
# bound to a function when it is created, so the defaults of the migrations are set again.
SIMULATED_TIME = """
    CREATE SCHEMA simulation;
    CREATE FUNCTION simulation.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT current_setting('simulation.now')::timestamptz $$;
    CREATE FUNCTION simulation.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT current_setting('simulation.now')::timestamptz $$;
    DO $$
    DECLARE found record;
    BEGIN
        FOR found IN
            SELECT d.adrelid::regclass AS "table", a.attname AS "column"
            FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE pg_get_expr(d.adbin, d.adrelid) = 'statement_timestamp()'
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT simulation.statement_timestamp()',
                           found."table", found."column");
        END LOOP;
    END $$;
"""
SEARCH_PATH = "SET search_path = simulation, pg_catalog, public"


@contextmanager
def own_database(*, template: str | None = None) -> Iterator[None]:
    """Use an empty, migrated database with a simulated time within this block.

    ``template`` names a migrated database to copy, which is faster than the migrations.
    """
    usual = dict(connection.settings_dict)
    name = f"{PREFIX}{os.getpid()}"
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    try:
        connection.settings_dict.update(NAME=name, CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=False)
        if template is None:
            call_command("migrate", verbosity=0, interactive=False)
        with connection.cursor() as cursor:
            cursor.execute(SIMULATED_TIME)
            cursor.execute(SEARCH_PATH)
            # It is lost at the end anyway, so no commit waits for the disk.
            cursor.execute("SET synchronous_commit = off")
        yield
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(usual)
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
