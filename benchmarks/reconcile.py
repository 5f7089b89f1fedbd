"""Measures the time and memory of a reconciliation with Stripe: 10,000 payments and 100,000 payments.

    DJANGO_DEBUG=1 .venv/bin/python benchmarks/reconcile.py [--sizes 10000 100000] [--unknown 100]

For each size it fills a database with orders as the shop creates them, and a sandbox with their intents, which were
created over the last seven days. It runs ``manage.py reconcile_payments`` over HTTP in a separate process, and deletes
both. For ``--unknown`` payments the shop never received the response of Stripe, so the run resolves this number of
differences. Goal: the memory is the same at both sizes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
KEY = "sk_test_sandbox"
# Our status, and Stripe's word for it.
INTENT_STATES = {
    "succeeded": "succeeded",
    "failed": "requires_payment_method",
    "requires_action": "requires_action",
    "pending": "requires_confirmation",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--unknown", type=int, default=100)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure()
        return
    for size in options.sizes:
        figures = figures_at(size, unknown=options.unknown)
        print(
            f"{size:>9,} payments: {figures['seconds']:.1f} s, peak {figures['peak'] / 1024:.0f} MiB"
            f" ({figures['before'] / 1024:.0f} before it began); "
            f"{figures['resolved']} resolved, {figures['open']} open",
            flush=True,
        )


def figures_at(size: int, *, unknown: int) -> dict[str, Any]:
    from benchmarks.check_ledger import fill, own_database

    with own_database() as url, tempfile.TemporaryDirectory(prefix="reconcile-benchmark-") as folder:
        environment = {**os.environ, "DATABASE_URL": url, "DJANGO_DEBUG": "1", "STRIPE_API_KEY": KEY}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        data = Path(folder) / "sandbox.sqlite3"
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection, orders=size)
            connection.execute(
                "UPDATE charges_charge SET created_at = now() - interval '7 days' * random() - interval '1 hour'"
            )
            connection.execute("VACUUM ANALYZE charges_charge")
            fill_sandbox(connection, data, unknown=unknown)
        with running_sandbox(data, environment) as base:
            output = subprocess.run(
                [sys.executable, __file__, "--measure"],
                cwd=ROOT,
                env=environment | {"STRIPE_API_BASE": base, "DJANGO_SETTINGS_MODULE": "config.settings"},
                stdout=subprocess.PIPE,
                check=True,
            )
        return dict(json.loads(output.stdout))


def fill_sandbox(connection: psycopg.Connection, data: Path, *, unknown: int) -> None:
    """Write the intents of all charges into the file of the sandbox, oldest first."""
    from integrations.sandbox.store import Store

    store, left = Store(str(data)), unknown
    with store.transaction(), connection.transaction(), connection.cursor("charges") as charges:
        charges.execute(
            "SELECT payment_intent_id, amount, lower(currency), status, created_at, id, order_id, stripe_charge_id "
            "FROM charges_charge ORDER BY created_at"
        )
        for id, amount, currency, status, created_at, charge, order, paid_by in charges:
            intent = stripe_intent(id, amount, currency, INTENT_STATES[status], created_at, charge, order)
            intent["latest_charge"] = paid_by or None
            if status == "pending" and left:
                intent |= {"status": "succeeded", "latest_charge": f"ch_{id[3:]}"}
                left -= 1
            store.put("payment_intent", intent, created=intent["created"], refs={"customer": intent["customer"]})
    store.close()


def stripe_intent(
    id: str, amount: int, currency: str, status: str, created_at: dt.datetime, charge: object, order: object
) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("application", "application_fee_amount", "canceled_at", "cancellation_reason", "description",
         "last_payment_error", "next_action", "on_behalf_of", "processing", "receipt_email", "review",
         "setup_future_usage", "shipping", "source", "statement_descriptor", "statement_descriptor_suffix",
         "transfer_data", "transfer_group")
    )  # fmt: skip
    return nothing | {
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": amount if status == "succeeded" else 0,
        "automatic_payment_methods": None,
        "capture_method": "automatic_async",
        "client_secret": f"{id}_secret_abcdefghijklmnopqrstuvwx",
        "confirmation_method": "automatic",
        "created": int(created_at.timestamp()) + 1,
        "currency": currency,
        "customer": f"cus_{id[3:17]}",
        "livemode": False,
        "metadata": {"charge": str(charge), "order": str(order)},
        "payment_method": f"pm_{id[3:]}",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": status,
    }


@contextmanager
def running_sandbox(data: Path, environment: dict[str, str]) -> Iterator[str]:
    """Start a sandbox, and return the address of its Stripe API."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox", "--port", str(port), "--data", str(data)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            try:
                httpx.get(f"http://127.0.0.1:{port}/sandbox/health").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/stripe"
    finally:
        process.terminate()
        process.wait()


def measure() -> None:
    """Run the command in its own process. Return its seconds and its peak memory (KiB)."""
    import contextlib

    import django
    from django.conf import settings
    from django.core.management import CommandError, call_command
    from django.utils import timezone

    django.setup()
    settings.DEBUG = False  # with DEBUG, Django stores the last 9,000 statements
    from charges.models import ReconciliationRun

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    since = (timezone.now() - dt.timedelta(days=8)).isoformat()
    began = time.perf_counter()
    with contextlib.suppress(CommandError):
        call_command("reconcile_payments", "--since", since, stdout=io.StringIO())
    seconds = time.perf_counter() - began
    run = ReconciliationRun.objects.get()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {"seconds": seconds, "before": before, "peak": peak, "resolved": run.resolved, "open": run.open}
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
