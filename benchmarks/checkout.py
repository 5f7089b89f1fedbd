"""Measures how fast a checkout is answered, and how soon its seven effects are done.

``make bench`` starts the whole shop in a temporary data folder on this machine, and prints three measurements:

1. The time from the 201 to the last of the seven effects, one checkout after another, without provider latency.
2. The response time at a steady rate while the workers are suspended. The web process, PostgreSQL and this script use
   the cores.
3. The response time at the same rate while the workers, the emulator and the sandbox run on the same cores. Two cores
   are too few for this load, so it shows what a customer notices when the shop is overloaded.

The rate is open-loop: a slow response does not delay the next request, and the time that a request waits is measured.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
EFFECTS = {
    "accounts.create_login",
    "emails.welcome",
    "orders.start_fulfillment",
    "charges.capture_payment",
    "sms.order_paid",
    "brevo.sync_contact",
    "dixa.sync_end_user",
}


def main() -> int:
    options = _options()
    data = tempfile.TemporaryDirectory(prefix="shop-benchmark-")
    with data as folder, running_shop(Path(folder)) as (shop, launcher):
        os.environ.update(shop["variables"])
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django

        django.setup()
        rate, seconds = options.rate, options.seconds
        print(f"\n{os.cpu_count()} cores; {rate} checkouts a second for {seconds} s after 2 s of warm-up\n")
        report("201 to all seven effects", effects(shop["web_url"], checkouts=options.checkouts))
        with suspended(launcher, except_for=("gunicorn", "postgres")):
            report("response, workers suspended", load(shop["web_url"], rate=rate, seconds=seconds))
        report("response, everything running", load(shop["web_url"], rate=rate, seconds=seconds))
    return 0


@contextmanager
def running_shop(folder: Path) -> Iterator[tuple[dict[str, Any], psutil.Process]]:
    """Start the shop as `make run` does, on free ports and without a rate limit for checkouts."""
    environ = {
        **os.environ,
        "DATA_DIR": str(folder),
        "CHECKOUT_RATE_LIMIT": "1000000/min",
        **{name: str(free_port()) for name in ("WEB_PORT", "SQS_EMULATOR_PORT", "SANDBOX_PORT")},
        # Brevo and Dixa allow ten calls a second. The limits are off, to measure the shop only.
        "SANDBOX_BREVO_CONTACTS_PER_SECOND": "100000",
        "SANDBOX_DIXA_REQUESTS_PER_SECOND": "100000",
    }
    launcher = subprocess.Popen(
        [sys.executable, "-m", "config.development.run", "--stop-with-parent"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield _facts(folder, launcher), psutil.Process(launcher.pid)
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait(60)


def _facts(folder: Path, launcher: subprocess.Popen[bytes]) -> dict[str, Any]:
    from config.development import runlock

    print("starting the shop …", flush=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and launcher.poll() is None:
        with suppress(runlock.NotRunning):
            return runlock.running(folder)
        time.sleep(0.2)
    raise SystemExit("the shop did not start; run `make run` to see the error")


@contextmanager
def suspended(launcher: psutil.Process, *, except_for: tuple[str, ...]) -> Iterator[None]:
    """Suspend all other processes of the shop during the block."""
    still = []
    for process in launcher.children(recursive=True):
        line = " ".join(process.cmdline()) + process.name()
        if not any(word in line for word in except_for):
            process.suspend()
            still.append(process)
    try:
        yield
    finally:
        for process in still:
            process.resume()


def load(url: str, *, rate: int, seconds: int) -> list[float]:
    """Milliseconds from the scheduled time of each request to its response."""
    warm_up = 2 * rate
    due = [number / rate for number in range(warm_up + rate * seconds)]
    took: list[float] = [0.0] * len(due)
    began = time.perf_counter() + 0.5
    numbers = iter(range(len(due)))
    lock = threading.Lock()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                time.sleep(max(0.0, began + due[number] - time.perf_counter()))
                checkout(client)
                took[number] = (time.perf_counter() - began - due[number]) * 1000

    threads = [threading.Thread(target=ask) for _ in range(max(8, rate))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took[warm_up:]


def checkout(client: httpx.Client, request_id: str | None = None) -> None:
    name = uuid4().hex[:12]
    body = {
        "plan": "magazine-monthly",
        "payment_method": "pm_card_visa",
        "customer": {
            "email": f"{name}@example.com",
            "name": "Ada Lovelace",
            "phone": f"+49151{int(name[:7], 16) % 10**8:08d}",
            "sms_consent": True,
        },
    }
    headers = {"Idempotency-Key": name, "X-Request-ID": request_id or name}
    answer = client.post("/api/v1/checkout/", json=body, headers=headers)
    if answer.status_code != 201:
        raise SystemExit(f"a checkout was answered {answer.status_code}: {answer.text[:300]}")


def effects(url: str, *, checkouts: int) -> list[float]:
    """Milliseconds from each response to the end of the last of its seven effects."""
    took = []
    with httpx.Client(base_url=url, timeout=30) as client:
        for _ in range(checkouts):
            request_id = f"benchmark-{uuid4()}"
            checkout(client, request_id)
            answered = dt.datetime.now(dt.UTC)
            took.append((_all_done(request_id) - answered).total_seconds() * 1000)
    return took


def _all_done(request_id: str) -> dt.datetime:
    from django_celery_results.models import TaskResult

    from integrations.outbox.models import OutboxMessage

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ids = dict(OutboxMessage.objects.filter(headers__request_id=request_id).values_list("id", "task"))
        results = TaskResult.objects.filter(task_id__in=map(str, ids), status="SUCCESS")
        ends: dict[str, dt.datetime] = {}
        for task_id, at in results.values_list("task_id", "date_done"):
            task = next(name for pk, name in ids.items() if str(pk) == task_id)
            ends[task] = min(at, ends.get(task, at))
        if ends.keys() >= EFFECTS:
            return max(ends[task] for task in EFFECTS)
        time.sleep(0.05)
    raise SystemExit("the effects of a checkout were not done within 60 s")


def report(name: str, took: list[float]) -> None:
    took = sorted(took)
    figures = {label: took[min(len(took) - 1, int(len(took) * share))] for label, share in PERCENTILES.items()}
    line = "  ".join(f"{label} {value:7.1f} ms" for label, value in figures.items())
    print(f"{name:32} {line}  max {took[-1]:7.1f} ms  ({len(took)})", flush=True)


PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=20, help="checkouts a second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--checkouts", type=int, default=40, help="number of checkouts in the third measurement")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
