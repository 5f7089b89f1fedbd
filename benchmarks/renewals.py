"""Measures how fast due renewals are found and begun: their periods, their events in the outbox, and the memory.

    DJANGO_DEBUG=1 .venv/bin/python -m benchmarks.renewals [--subscriptions 1000000] [--due 100000]

Fills its own database on the embedded server with active subscriptions, of which ``--due`` are due, runs the batches of
``subscriptions.operations.renewals`` until none is left, and drops the database. Goals: 100,000 due renewals at 1,000 a
second or more, with flat memory. With a million subscriptions, of which 1 % are due, the first batch is found in less
than 100 ms.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import psycopg

from benchmarks.check_ledger import close_connections, own_database

FILL = (
    (
        "customers",
        """
        INSERT INTO subscriptions_customer
            (id, email, email_key, name, phone, locale, marketing_consent, sms_consent, updated_at)
        SELECT uuidv7(), email, email, 'Buyer', '', 'en', false, false, now()
        FROM generate_series(1, %(subscriptions)s) AS n, LATERAL (SELECT 'buyer-' || n || '@example.com') AS e (email)
        """,
    ),
    (
        "subscriptions",
        """
        INSERT INTO subscriptions_subscription
            (id, customer_id, plan_id, price_id, quantity, status, cancel_reason, payment_method, time_zone, anchor_at,
             anchor_number, period_number, current_period_start, current_period_end, renews_at, updated_at)
        SELECT uuidv7(), c.id, %(plan)s, %(price)s, 1, 'active', '', 'pm_card_visa', 'Europe/Berlin', times.start, 0, 0,
               times.start, times.start + interval '1 month', times.start + interval '1 month', now()
        FROM (SELECT id, row_number() OVER () AS n FROM subscriptions_customer) c,
             LATERAL (
                 SELECT CASE WHEN c.n <= %(due)s THEN now() - interval '1 month' - c.n * interval '10 milliseconds'
                             ELSE now() - c.n * interval '1 second' END AS start
             ) AS times
        """,
    ),
    (
        "periods",
        """
        INSERT INTO subscriptions_billingperiod (id, subscription_id, number, start, "end", outcome, at)
        SELECT uuidv7(), id, 0, current_period_start, current_period_end, 'billed', current_period_start
        FROM subscriptions_subscription
        """,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=100_000)
    options = parser.parse_args()
    with own_database() as url:
        os.environ.update(DATABASE_URL=url, DJANGO_DEBUG="1", DJANGO_SETTINGS_MODULE="config.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        _fill(url, subscriptions=options.subscriptions, due=options.due)
        _measure(options.due)
        close_connections()


def _fill(url: str, *, subscriptions: int, due: int) -> None:
    from django.conf import settings
    from django.utils import timezone

    from subscriptions import actors
    from subscriptions.models import Plan
    from subscriptions.operations.prices import Terms, set_price

    settings.DEBUG = False  # with DEBUG, Django stores the last 9,000 statements
    plan = Plan.objects.create(code="coffee", name="Coffee")
    terms = Terms(amount=1290, currency="EUR", interval="month", interval_count=1)
    price = set_price(plan=plan, terms=terms, actor=actors.system("benchmark"), at=timezone.now())
    sizes = {"subscriptions": subscriptions, "due": due, "plan": plan.pk, "price": price.pk}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        for what, statement in FILL:
            began = time.perf_counter()
            rows = connection.execute(statement, sizes).rowcount
            print(f"{rows:>9,} {what} ({time.perf_counter() - began:.1f} s)", flush=True)
        connection.execute("VACUUM ANALYZE")


def _measure(due: int) -> None:
    from django.db import transaction
    from django.utils import timezone

    from config.celery import app
    from subscriptions.operations import renewals
    from subscriptions.operations.locks import locked_due_subscriptions

    app.loader.import_default_modules()
    at = timezone.now()
    began = time.perf_counter()
    with transaction.atomic():
        found = locked_due_subscriptions(at=at, batch=renewals.BATCH)
    print(f"\nfirst batch of {len(found)} found and locked in {(time.perf_counter() - began) * 1000:.0f} ms")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, begun = time.perf_counter(), 0
    while advanced := renewals.begin_batch(at=at, first_slot=at)[0]:
        begun += advanced
    seconds = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{begun:,} of {due:,} due renewals begun in {seconds:.1f} s: {begun / seconds:,.0f} a second")
    print(f"this process grew by {grown:.0f} MiB")


if __name__ == "__main__":
    main()
