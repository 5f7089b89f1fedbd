from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.utils import timezone
from hypothesis import settings as hypothesis_settings

from tests.settings import TEST_SERVER
from tests.support.databases import migrated_template
from tests.support.days import Days
from tests.support.sandboxes import (
    StripeSandbox,
    brevo_sandbox,
    running_brevo_sandbox,
    running_stripe_sandbox,
    stripe_sandbox,
)

# Fixtures for every test.
__all__ = ["brevo_sandbox", "running_brevo_sandbox", "running_stripe_sandbox", "stripe_sandbox"]


# A slow machine must not fail a test, and no run must depend on the examples of an earlier one.
hypothesis_settings.register_profile("shop", deadline=None, database=None)
hypothesis_settings.load_profile("shop")


def pytest_collection_finish() -> None:
    """Objects that exist after the collection stay until the end, so exempt them from each garbage collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


# The rows that the migrations create. No test changes them.
KEPT_TABLES = ("django_migrations", "django_content_type", "auth_permission")


def _empty_tables(_: TransactionTestCase) -> None:
    """Delete what a test has committed, from the tables that it used.

    This takes some two milliseconds. Django truncates all tables and creates content types and permissions again,
    which takes more than a hundred.
    """
    tables = [name for name in connection.introspection.table_names() if name not in KEPT_TABLES]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f'EXISTS (SELECT FROM "{name}")' for name in tables))
        used = [name for name, is_used in zip(tables, cursor.fetchone(), strict=True) if is_used]
        for name in used:
            # PostgreSQL checks the foreign keys at the end of the transaction, so the order does not matter.
            cursor.execute(f'DELETE FROM "{name}"')


@pytest.fixture(scope="session", autouse=True)
def _empty_tables_fast() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables)
        # Keep the connection for the next test. Django reconnects because a rollback may undo session settings, but
        # this project changes none.
        patch.setattr(TransactionTestCase, "_should_reload_connections", lambda _: False)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: Any
) -> None:
    """Copy the test database from a template with all migrations, if the server belongs to the tests."""
    if TEST_SERVER is None:
        return
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template(TEST_SERVER)
        connection.close()


@pytest.fixture
def coffee(db: None) -> Any:
    """A plan that is shipped."""
    from tests.support.factories import make_plan

    return make_plan(code="coffee-monthly", name="Coffee, monthly")


@pytest.fixture
def magazine(db: None) -> Any:
    """A digital plan: its orders are fulfilled as soon as they are paid."""
    from tests.support.factories import make_plan

    return make_plan(code="magazine-monthly", name="Magazine, monthly", amount=490, is_digital=True)


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


@pytest.fixture
def days(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> Days:
    """A shop whose days pass only when the test says so."""
    return Days(monkeypatch, stripe_sandbox)
