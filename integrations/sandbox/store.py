"""The SQLite file of the sandbox. It represents other companies' systems, so it does not share the shop's database.

It uses one connection behind one lock. Each operation takes a few microseconds, so a single writer is faster than
several that compete for the file, and each API call is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    created REAL NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE TABLE IF NOT EXISTS refs (
    kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (kind, name, value, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refs_by_seq ON refs (seq);
CREATE TABLE IF NOT EXISTS idempotency (
    scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, request_id TEXT NOT NULL,
    created REAL NOT NULL, status INTEGER, body BLOB, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, event_id TEXT NOT NULL,
    event_type TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL, created REAL NOT NULL,
    last_status INTEGER, last_error TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
WIPED = ("objects", "refs", "idempotency", "deliveries", "settings")
CREATED_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

Document = dict[str, Any]


class UnknownCursor(Exception):
    """The object named by a pagination cursor does not exist."""


class Store:
    """Documents by id and kind, with named references for the filters that the providers offer."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        self._db.execute("PRAGMA journal_mode=WAL")
        # OFF: a power failure may lose data, a killed process does not.
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction. Only one caller at a time; transactions can be nested."""
        with self._lock:
            if self._depth:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            else:
                self._db.execute("COMMIT")
            finally:
                self._depth = 0

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: roll back only this block if it raises."""
        with self.transaction():
            self._db.execute("SAVEPOINT inner")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK TO inner")
                raise
            finally:
                self._db.execute("RELEASE inner")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def insert(self, sql: str, values: Sequence[Any]) -> int:
        """Run an INSERT and return the row id."""
        with self._lock:
            return int(self._db.execute(sql, values).lastrowid or 0)

    def put(self, kind: str, document: Document, *, created: float, refs: Mapping[str, str | None]) -> None:
        """Insert or replace a document by its `id`, with the references that lists may filter by."""
        body = json.dumps(document, separators=(",", ":"))
        with self.transaction():
            row = self._db.execute("SELECT seq FROM objects WHERE id = ?", (document["id"],)).fetchone()
            if row is None:
                seq = self.insert(
                    "INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?)",
                    (document["id"], kind, created, body),
                )
            else:
                seq = row[0]
                self._db.execute("UPDATE objects SET body = ? WHERE seq = ?", (body, seq))
                self._db.execute("DELETE FROM refs WHERE seq = ?", (seq,))
            self._db.executemany(
                "INSERT INTO refs VALUES (?, ?, ?, ?)",
                [(kind, name, value, seq) for name, value in refs.items() if value],
            )

    def get(self, kind: str, id: str) -> Document | None:
        rows = self.execute("SELECT body FROM objects WHERE id = ? AND kind = ?", (id, kind))
        return json.loads(rows[0][0]) if rows else None

    def find(self, kind: str, name: str, value: str) -> list[Document]:
        """Every document of a kind with this reference, oldest first."""
        rows = self.execute(
            "SELECT o.body FROM refs r JOIN objects o ON o.seq = r.seq"
            " WHERE r.kind = ? AND r.name = ? AND r.value = ? ORDER BY r.seq",
            (kind, name, value),
        )
        return [json.loads(body) for (body,) in rows]

    def delete(self, id: str) -> None:
        with self.transaction():
            self._db.execute("DELETE FROM refs WHERE seq = (SELECT seq FROM objects WHERE id = ?)", (id,))
            self._db.execute("DELETE FROM objects WHERE id = ?", (id,))

    def count(self, kind: str) -> int:
        return int(self.execute("SELECT count(*) FROM objects WHERE kind = ?", (kind,))[0][0])

    def page(
        self,
        kind: str,
        *,
        filters: Mapping[str, str | Sequence[str]] | None = None,
        created: Mapping[str, float] | None = None,
        limit: int = 10,
        after: str | None = None,
        before: str | None = None,
    ) -> tuple[list[Document], bool]:
        """One page, newest first, and whether more pages follow. Raises `UnknownCursor`."""
        where, values = ["o.kind = ?"], [kind]
        for name, wanted in (filters or {}).items():
            options = [wanted] if isinstance(wanted, str) else list(wanted)
            marks = ",".join("?" * len(options))
            where.append(f"o.seq IN (SELECT seq FROM refs WHERE kind = ? AND name = ? AND value IN ({marks}))")
            values += [kind, name, *options]
        for operator, moment in (created or {}).items():
            where.append(f"CAST(o.created AS INTEGER) {CREATED_OPERATORS[operator]} ?")
            values.append(moment)  # type: ignore[arg-type]
        order = "DESC"
        if after or before:
            where.append("o.seq < ?" if after else "o.seq > ?")
            values.append(self._sequence(kind, after or before or ""))  # type: ignore[arg-type]
            order = "DESC" if after else "ASC"
        rows = self.execute(
            f"SELECT o.body FROM objects o WHERE {' AND '.join(where)} ORDER BY o.seq {order} LIMIT ?",
            [*values, limit + 1],
        )
        documents = [json.loads(body) for (body,) in rows[:limit]]
        return (documents if order == "DESC" else documents[::-1]), len(rows) > limit

    def _sequence(self, kind: str, id: str) -> int:
        rows = self.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", (id, kind))
        if not rows:
            raise UnknownCursor(id)
        return int(rows[0][0])

    def setting(self, name: str) -> Any:
        rows = self.execute("SELECT value FROM settings WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None

    def set_setting(self, name: str, value: Any) -> None:
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def wipe(self) -> None:
        with self.transaction():
            for table in WIPED:
                self._db.execute(f"DELETE FROM {table}")
