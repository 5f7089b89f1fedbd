from __future__ import annotations

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, ProgrammingError
from psycopg.errors import ReadOnlySqlTransaction

from integrations.errors import ProviderThrottled, database_is_away


def read_only() -> Exception:
    error = ProgrammingError("cannot execute INSERT in a read-only transaction")
    error.__cause__ = ReadOnlySqlTransaction()
    return error


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("connection refused"), True),
        (InterfaceError("connection closed"), True),
        (read_only(), True),
        (ProgrammingError("no such column"), False),
        (IntegrityError("duplicate key"), False),
        (ValueError("no database error"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_the_database_is_away_if_it_is_unreachable_or_read_only(error: Exception, away: bool) -> None:
    assert database_is_away(error) is away


def test_a_transient_error_keeps_the_wait_that_the_provider_asked_for() -> None:
    assert ProviderThrottled("429", retry_after=30.0).retry_after == 30.0
    assert ProviderThrottled("429").retry_after is None
