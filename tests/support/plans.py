"""Whether a query can be answered by an index."""

from __future__ import annotations

from typing import Any


def only_by(index: str, cursor: Any) -> None:
    """Until the transaction is rolled back the index's table is read by it, if that can be: of a few rows any other way
    would be as quick, and which one is taken a matter of chance."""
    cursor.execute("SET LOCAL enable_seqscan = off")
    cursor.execute("SET LOCAL enable_bitmapscan = off")
    cursor.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid <> %(index)s::regclass"
        " AND indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = %(index)s::regclass)",
        {"index": index},
    )
