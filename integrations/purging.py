"""Delete old rows in small statements, so that no lock and no transaction lasts long."""

from __future__ import annotations

from django.db.models import QuerySet


def delete_in_batches(rows: QuerySet, *, batch: int = 1000) -> int:
    """Delete all these rows, ``batch`` rows per statement, and return their number."""
    total = 0
    while True:
        deleted, _ = rows.model._default_manager.filter(pk__in=rows.values("pk")[:batch]).delete()
        total += deleted
        if deleted < batch:
            return total
