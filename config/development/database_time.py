"""Replaces the time of a database: ``now()`` and ``statement_timestamp()``, in queries and in defaults of columns."""

from __future__ import annotations

from django.db import connection

# The functions hide those of ``pg_catalog``, because their schema comes first in the search path. A default is bound
# to a function when it is created, so the defaults that the migrations created are set again.
FUNCTIONS = """
    CREATE SCHEMA IF NOT EXISTS {schema};
    CREATE OR REPLACE FUNCTION {schema}.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT {time} $$;
    CREATE OR REPLACE FUNCTION {schema}.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT {time} $$;
    DO $$
    DECLARE found record;
    BEGIN
        FOR found IN
            SELECT d.adrelid::regclass AS "table", a.attname AS "column"
            FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE pg_get_expr(d.adbin, d.adrelid) IN ('statement_timestamp()', 'pg_catalog.statement_timestamp()')
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT {schema}.statement_timestamp()',
                           found."table", found."column");
        END LOOP;
    END $$;
"""


def replace_time(*, schema: str, time: str) -> None:
    """Give the database functions that return ``time``, an SQL expression. Sessions use them after ``use_time_of``."""
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = public")
        cursor.execute(FUNCTIONS.format(schema=schema, time=time))


def use_time_of(schema: str) -> None:
    """Have this session call the functions of the schema."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {schema}, pg_catalog, public")
