from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays to the end, and need not be looked through for garbage each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


# What migrations leave behind; no test changes it.
KEPT = ("django_migrations", "django_content_type", "auth_permission")


def _empty_tables(_: TransactionTestCase) -> None:
    """Delete what a test has committed, from the tables that it used: some two milliseconds, where truncating them all
    and making content types and permissions anew takes Django a hundred and more."""
    tables = [name for name in connection.introspection.table_names() if name not in KEPT]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f'EXISTS (SELECT FROM "{name}")' for name in tables))
        used = [name for name, is_used in zip(tables, cursor.fetchone(), strict=True) if is_used]
        for name in used:
            # Foreign keys are looked at when the transaction ends, so the order does not matter.
            cursor.execute(f'DELETE FROM "{name}"')


@pytest.fixture(scope="session", autouse=True)
def _tables_emptied_fast() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables)
        # A connection is kept for the next test: no setting of ours is lost with a rollback, which Django allows for.
        patch.setattr(TransactionTestCase, "_should_reload_connections", lambda _: False)
        yield


@pytest.fixture
def coffee(db: None) -> Any:
    """A plan that is shipped."""
    from subscriptions.models import Plan

    return Plan.objects.create(code="coffee-monthly", name="Coffee, monthly", amount=1290, currency="EUR")


@pytest.fixture
def magazine(db: None) -> Any:
    """A digital plan: paid is fulfilled."""
    from subscriptions.models import Plan

    return Plan.objects.create(
        code="magazine-monthly", name="Magazine, monthly", amount=490, currency="EUR", is_digital=True
    )
