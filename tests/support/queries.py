"""How the database answers: the number of queries of a page, and the index that a query uses."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def queries_for(client: Client, url: str) -> int:
    """How many queries a page takes once the process has its caches, for example of content types."""
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def only_by(index: str, cursor: Any) -> None:
    """Let PostgreSQL read the index's table by this index only, if it can, until the transaction is rolled back.

    For a few rows every other plan is as fast, so that without this the choice would be a matter of chance.
    """
    cursor.execute("SET LOCAL enable_seqscan = off")
    cursor.execute("SET LOCAL enable_bitmapscan = off")
    cursor.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid <> %(index)s::regclass"
        " AND indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = %(index)s::regclass)",
        {"index": index},
    )
