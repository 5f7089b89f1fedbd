"""Measures how long ``check_ledger`` takes on a large ledger.

    DJANGO_DEBUG=1 .venv/bin/python benchmarks/check_ledger.py [--orders 1000000]

Creates a database on the embedded server, fills it with orders as the shop creates them, runs ``manage.py
check_ledger`` on it, and drops it. Goal: a million orders in less than 30 s.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
DATABASE = "ledger_benchmark"
ORDERS_PER_SUBSCRIPTION = 4
ANCHOR = "2026-01-01 00:00+00"
# The states of 100 orders: each state up to its number. The payments of the rest have not begun. Every tenth paid order
# was declined once before.
SHARES = {"paid": 10, "fulfilled": 94, "failed": 97, "waiting": 99}

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
        "plan",
        """
        INSERT INTO subscriptions_plan
            (code, name, is_digital, needs_address, is_active, trial_days, cut_off_hours, max_skips,
             trial_reminder_days, renewal_reminder_days, unpaid_policy, dispute_policy)
        VALUES ('coffee', 'Coffee', false, false, true, 0, 0, 0, 7, 0, 'cancel', 'pause')
        """,
    ),
    (
        "price",
        """
        INSERT INTO subscriptions_price
            (id, plan_id, version, amount, currency, interval, interval_count, created_by_kind, created_by)
        SELECT uuidv7(), id, 1, 1290, 'EUR', 'month', 1, 'system', 'benchmark' FROM subscriptions_plan
        """,
    ),
    (
        "subscriptions",
        """
        INSERT INTO subscriptions_subscription
            (id, customer_id, plan_id, price_id, quantity, status, cancel_reason, payment_method, time_zone, anchor_at,
             anchor_number, period_number, current_period_start, current_period_end, renews_at, updated_at)
        SELECT uuidv7(), c.id, p.plan_id, p.id, 1, 'past_due', '', 'pm_card_visa', 'UTC', %(anchor)s::timestamptz, 0,
               last.number, last.start, last.start + interval '1 month', last.start + interval '1 month', now()
        FROM subscriptions_customer c, subscriptions_price p,
             LATERAL (SELECT %(per_subscription)s::int - 1) AS n (number),
             LATERAL (SELECT n.number, %(anchor)s::timestamptz + n.number * interval '1 month') AS last (number, start)
        """,
    ),
    (
        "billing periods",
        """
        INSERT INTO subscriptions_billingperiod (id, subscription_id, number, start, "end", outcome, at)
        SELECT uuidv7(), s.id, number, anchor_at + number * interval '1 month',
               anchor_at + (number + 1) * interval '1 month', 'billed', now()
        FROM subscriptions_subscription s, generate_series(0, %(per_subscription)s::int - 1) AS number
        """,
    ),
    (
        "orders",
        """
        INSERT INTO orders_order
            (id, number, kind, customer_id, subscription_id, period_id, status, amount, currency, payment_method,
             period_start, period_end, paid_at, fulfillment_started_at, fulfilled_at, updated_at, contact_name,
             contact_phone, contact_locale, sms_consent, marketing_consent)
        SELECT uuidv7(), lpad(upper(to_hex(row_number() OVER ())), 11, '0'),
               CASE p.number WHEN 0 THEN 'first' ELSE 'renewal' END, s.customer_id, s.id, p.id, outcome.status,
               1290, 'EUR', 'pm_card_visa', p.start, p."end",
               paid.at, paid.at, CASE outcome.status WHEN 'fulfilled' THEN now() END, now(), 'Buyer', '', 'en', false,
               false
        FROM subscriptions_subscription s JOIN subscriptions_billingperiod p ON p.subscription_id = s.id,
             LATERAL (SELECT 100 * random(), p.id) AS drawn (draw),
             LATERAL (SELECT CASE
                 WHEN draw < %(paid)s THEN 'paid' WHEN draw < %(fulfilled)s THEN 'fulfilled'
                 WHEN draw < %(failed)s THEN 'payment_failed' WHEN draw < %(waiting)s THEN 'requires_action'
                 ELSE 'pending_payment' END) AS outcome (status),
             LATERAL (SELECT CASE WHEN outcome.status IN ('paid', 'fulfilled') THEN now() END) AS paid (at)
        """,
    ),
    (
        "active subscriptions",
        """
        UPDATE subscriptions_subscription s SET status = 'active'
        WHERE EXISTS (SELECT FROM orders_order o WHERE o.subscription_id = s.id AND o.paid_at IS NOT NULL)
        """,
    ),
    (
        "order lines",
        """
        INSERT INTO orders_orderline (id, order_id, kind, plan_id, description, quantity, unit_amount, amount)
        SELECT uuidv7(), o.id, 'period', p.id, 'Coffee', 1, o.amount, o.amount FROM orders_order o, subscriptions_plan p
        """,
    ),
    (
        "charges",
        """
        INSERT INTO charges_charge
            (id, key_version, creation_requested_at, order_id, amount, currency, payment_method, status,
             payment_intent_id, stripe_charge_id, succeeded_at, amount_refunded, updated_at)
        SELECT uuidv7(), 1, now(), id, amount, currency, payment_method,
               CASE status WHEN 'payment_failed' THEN 'failed' WHEN 'requires_action' THEN 'requires_action'
                           WHEN 'pending_payment' THEN 'pending' ELSE 'succeeded' END,
               'pi_3' || left(replace(id::text, '-', ''), 24) || number,
               CASE WHEN paid_at IS NULL THEN '' ELSE 'ch_3' || left(replace(id::text, '-', ''), 24) || number END,
               paid_at, 0, now()
        FROM orders_order
        """,
    ),
    (
        "attempts",
        """
        INSERT INTO charges_chargeattempt
            (id, charge_id, number, idempotency_key, payment_method, trigger, status, code, decline_code, advice_code,
             network_advice_code, network_decline_code, outcome_checks, stripe_charge_id, task_id, started_at,
             finished_at)
        SELECT uuidv7(), c.id, attempts.number, 'charge:' || c.id || ':confirm:' || attempts.number, c.payment_method,
               'order', attempts.status, '', '', '', '', '', 0,
               CASE attempts.status WHEN 'succeeded' THEN c.stripe_charge_id ELSE '' END, '', now(),
               CASE WHEN attempts.status IN ('declined', 'succeeded') THEN now() END
        FROM (SELECT *, random() < 0.1 AS declined_once FROM charges_charge) c,
             LATERAL (
                 SELECT 1, 'declined' WHERE c.status = 'failed' OR c.status = 'succeeded' AND c.declined_once
                 UNION ALL SELECT 1 + c.declined_once::int, 'succeeded' WHERE c.status = 'succeeded'
                 UNION ALL SELECT 1, 'requires_action' WHERE c.status = 'requires_action'
                 UNION ALL SELECT 1, 'started' WHERE c.status = 'pending'
             ) AS attempts (number, status)
        """,
    ),
    (
        "dunning runs",
        """
        INSERT INTO charges_dunningrun (id, order_id, status, schedule, unpaid_policy, reason, started_at, updated_at)
        SELECT uuidv7(), id, 'active', '[2, 5, 7, 7]', 'cancel', '', now(), now()
        FROM orders_order WHERE status IN ('payment_failed', 'requires_action')
        """,
    ),
    (
        "dunning steps",
        """
        INSERT INTO charges_dunningstep (id, run_id, number, status, due_at)
        SELECT uuidv7(), id, 1, 'planned', now() + interval '2 days' FROM charges_dunningrun
        """,
    ),
    (
        "refunds",
        # One payment in 20 is refunded, in whole or in part. Some refunds are pending, and some failed.
        """
        INSERT INTO charges_refund
            (id, key_version, creation_requested_at, charge_id, amount, status, reason, origin, note, stripe_id,
             failure_code, command_key, command_hash, succeeded_at, failed_at, updated_at)
        SELECT uuidv7(), 1, now(), c.id, CASE WHEN random() < 0.5 THEN c.amount ELSE 500 END, outcome.status, '',
               'stripe', '', 're_3' || replace(c.id::text, '-', ''), '', '', '',
               CASE outcome.status WHEN 'succeeded' THEN now() END, CASE outcome.status WHEN 'failed' THEN now() END,
               now()
        FROM (SELECT *, random() AS draw FROM charges_charge WHERE status = 'succeeded') c,
             LATERAL (SELECT CASE WHEN c.draw < 0.045 THEN 'succeeded' WHEN c.draw < 0.048 THEN 'failed'
                                  ELSE 'pending' END) AS outcome (status)
        WHERE c.draw < 0.05
        """,
    ),
    (
        "charges with refunds",
        """
        UPDATE charges_charge c SET amount_refunded = r.amount
        FROM charges_refund r WHERE r.charge_id = c.id AND r.status IN ('pending', 'succeeded')
        """,
    ),
    (
        "refunded orders",
        """
        UPDATE orders_order o
        SET status = CASE WHEN c.amount_refunded = c.amount THEN 'refunded' ELSE 'partially_refunded' END
        FROM charges_charge c JOIN charges_refund r ON r.charge_id = c.id AND r.status = 'succeeded'
        WHERE o.id = c.order_id
        """,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    options = parser.parse_args()
    with own_database() as url:
        os.environ.update(DATABASE_URL=url, DJANGO_DEBUG="1", DJANGO_SETTINGS_MODULE="config.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection, orders=options.orders)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        call_command("check_ledger")
        seconds = time.perf_counter() - began
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"\n{options.orders:,} orders checked in {seconds:.1f} s; this process grew by {grown / 1024:.0f} MiB")
        close_connections()


def fill(connection: psycopg.Connection, *, orders: int) -> None:
    subscriptions = orders // ORDERS_PER_SUBSCRIPTION
    sizes = {"subscriptions": subscriptions, "per_subscription": ORDERS_PER_SUBSCRIPTION, "anchor": ANCHOR}
    # The foreign keys are correct by construction. Checking a million of each would take longer than everything else.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
    for name, statement in FILL:
        began = time.perf_counter()
        rows = connection.execute(statement, sizes | SHARES).rowcount
        print(f"{rows:>9,} {name} ({time.perf_counter() - began:.1f} s)", flush=True)
    connection.execute("VACUUM ANALYZE")


@contextmanager
def own_database() -> Iterator[str]:
    """Create an empty database, and return its URL. It is dropped at the end."""
    from config.development import postgres

    server = postgres.ensure_running()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
        try:
            yield urlsplit(server)._replace(path=f"/{DATABASE}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def close_connections() -> None:
    from django.db import connections

    connections.close_all()


if __name__ == "__main__":
    main()
