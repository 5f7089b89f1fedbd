"""The database of a test run: its URL for other processes, and a template with all migrations to copy it from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django
from django.apps import apps
from django.db import connection

from tests.support.processes import ROOT, python

PREFIX = "migrated_"


def database_url(name: str = "") -> str:
    """The URL of this run's test database, or of the database ``name`` on the same server, for another process."""
    database = connection.settings_dict
    host = database["OPTIONS"].get("host") or database["HOST"]
    path = quote(name or str(database["NAME"]))
    user = quote(str(database["USER"]))
    password = f":{quote(str(database['PASSWORD']))}" if database["PASSWORD"] else ""
    if host.startswith("/"):
        return f"postgresql://{user}{password}@/{path}?host={quote(host)}"
    port = f":{database['PORT']}" if database["PORT"] else ""
    return f"postgresql://{user}{password}@{host}{port}/{path}"


def migrated_template(folder: Path) -> str:
    """The name of a database to which all migrations were applied. The first process that needs it creates it.

    Copying it takes a fraction of the time of the migrations, which would run for each test process and each test run.
    ``folder`` holds the lock; it belongs to the server.
    """
    name = f"{PREFIX}{_migrations_hash()}"
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with connection._nodb_cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
            existing = {row[0] for row in cursor.fetchall()}
            if name not in existing:
                for old in existing:
                    cursor.execute(f'DROP DATABASE "{old}"')
                _create(name, cursor)
    return name


def empty_database() -> None:
    """Empty all tables of the shop in one statement."""
    labels = ("inbox", "outbox", "subscriptions", "orders", "charges", "notifications")
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)
              if model._meta.app_label in labels]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def _create(name: str, cursor: Any) -> None:
    """A run that is killed meanwhile leaves a database of another name, which the next run replaces."""
    unfinished = f"unfinished_{name}"
    cursor.execute(f'DROP DATABASE IF EXISTS "{unfinished}"')
    cursor.execute(f'CREATE DATABASE "{unfinished}"')
    subprocess.run(
        python("manage.py", "migrate", "--verbosity=0", "--skip-checks"),
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": database_url(unfinished)},
        cwd=ROOT,
        check=True,
    )
    cursor.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')


def _migrations_hash() -> str:
    digest = hashlib.sha256(django.get_version().encode())
    for app in apps.get_app_configs():
        for path in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(f"{app.label}/{path.name}".encode() + path.read_bytes())
    return digest.hexdigest()[:20]
