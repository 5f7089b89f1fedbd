"""Measures how fast customers read their account, their subscriptions and their orders in a large shop.

    DJANGO_DEBUG=1 .venv/bin/python -m benchmarks.self_service [--orders 1000000] [--reads 300]

Fills its own database on the embedded server as the benchmark of the ledger check does, reads as customers chosen at
random and as one with a hundred subscriptions, and drops the database. Goal: at most 8 queries, and 95 of 100 reads in
less than 30 ms, in the process of the web server.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import os
import random
import statistics
import time
from typing import Any

import psycopg

from benchmarks.check_ledger import close_connections, fill, own_database

READS = ("me/", "me/subscriptions/", "me/orders/")
SUBSCRIPTIONS_OF_BUSY_CUSTOMER = 100
MAX_QUERIES, MAX_P95_MS = 8, 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--reads", type=int, default=300)
    options = parser.parse_args()
    with own_database() as url:
        os.environ.update(DATABASE_URL=url, DJANGO_DEBUG="1", DJANGO_SETTINGS_MODULE="config.settings")
        # A limit would answer 429 to so many reads, and a log line for each read belongs to no read.
        os.environ.update(LOG_LEVEL="WARNING", ACCOUNT_RATE_LIMIT="1000000/min", API_KEY_RATE_LIMIT="1000000/min")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection, orders=options.orders)
            busy = _make_a_customer_busy(connection)
        _measure(busy=busy, reads=options.reads)
        close_connections()


def _make_a_customer_busy(connection: psycopg.Connection) -> Any:
    """Give one customer a hundred subscriptions, and return its id."""
    connection.execute("SET session_replication_role = replica")
    row = connection.execute("SELECT id FROM subscriptions_customer ORDER BY id LIMIT 1").fetchone()
    assert row is not None
    subscriptions = f"(SELECT id FROM subscriptions_subscription ORDER BY id LIMIT {SUBSCRIPTIONS_OF_BUSY_CUSTOMER})"
    connection.execute(f"UPDATE orders_order SET customer_id = %s WHERE subscription_id IN {subscriptions}", row)
    connection.execute(f"UPDATE subscriptions_subscription SET customer_id = %s WHERE id IN {subscriptions}", row)
    return row[0]


def _measure(*, busy: Any, reads: int) -> None:
    from django.conf import settings
    from django.utils import timezone

    from subscriptions.models import Customer
    from subscriptions.operations import api_keys

    settings.DEBUG = False  # with DEBUG, Django stores the last 9,000 statements
    scopes = ["customers.read"]
    key = api_keys.make_api_key(name="Benchmark", scopes=scopes, expires_at=timezone.now() + dt.timedelta(days=1)).key
    chance = random.Random(7)
    customers = list(Customer.objects.order_by("pk").values_list("pk", flat=True)[: 50 * reads : 50])
    print(f"\n{'read':<20} {'customer':<8} {'queries':>7} {'median':>9} {'p95':>9} {'CPU p95':>9}")
    for path in READS:
        chosen = [chance.choice(customers) for _ in range(reads)]
        _report(path, "any", key, chosen)
        _report(path, "busy", key, [busy] * reads)


def _report(path: str, who: str, key: str, customers: list[Any]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    _read(path, key, customers[0])  # the first read of a process is slow
    with CaptureQueriesContext(connection) as captured:
        _read(path, key, customers[0])
    queries = len(captured)  # the next request empties the list
    reads = [_read(path, key, customer) for customer in customers]
    median = statistics.median(seconds for seconds, _ in reads) * 1000
    p95, cpu_p95 = (sorted(values)[int(len(reads) * 0.95)] * 1000 for values in zip(*reads, strict=True))
    mark = "" if queries <= MAX_QUERIES and p95 < MAX_P95_MS else "  goal missed"
    print(f"{path:<20} {who:<8} {queries:>7} {median:>6.1f} ms {p95:>6.1f} ms {cpu_p95:>6.1f} ms{mark}")


@functools.cache
def _client() -> Any:
    """One client for all reads, because each client loads the middleware once."""
    from django.test import Client

    return Client()


def _read(path: str, key: str, customer: Any) -> tuple[float, float]:
    """Read once. Return the seconds, and how long this process computed. The rest is PostgreSQL and other programs."""
    headers = {"Authorization": f"Bearer {key}", "Shop-Customer": str(customer)}
    began, computed = time.perf_counter(), time.process_time()
    response = _client().get(f"/api/v1/{path}", headers=headers)
    seconds = (time.perf_counter() - began, time.process_time() - computed)
    assert response.status_code == 200, response.content
    return seconds


if __name__ == "__main__":
    main()
