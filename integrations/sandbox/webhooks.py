"""Delivers webhooks to the shop: durably, at least once, and in the way of each provider.

Stripe signs each attempt again, and retries after any response but a 2xx. Brevo sends a bearer token, and retries only
if the shop cannot be reached, times out, or answers 429. After any other 4xx or 5xx, Brevo drops the event.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from integrations.sandbox.config import Config
from integrations.sandbox.faults import Faults
from integrations.sandbox.store import Store

Send = Callable[[str, Mapping[str, str], bytes, float], int]
SENDERS = 4
IDLE_SECONDS = 0.5
COLUMNS = ("id", "provider", "event_id", "event_type", "url", "body", "state", "attempts", "due", "created",
           "last_status", "last_error")  # fmt: skip


class Unreachable(Exception):
    """The shop did not answer."""


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    provider: str
    url: str
    body: str
    attempts: int


def stripe_signature(*, payload: bytes, secret: str, at: int) -> str:
    """`Stripe-Signature`: HMAC-SHA256, keyed by the whole secret, over "{t}.{raw body}"."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> int:
    """Send once and return the status; raises `Unreachable`."""
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = connect(parts.hostname or "", parts.port, timeout=timeout)
    except (ValueError, http.client.InvalidURL) as error:
        raise Unreachable(f"not an address: {url}") from error
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body=body, headers=dict(headers))
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


class Webhooks:
    """The queue of deliveries and the threads that process it."""

    def __init__(self, *, store: Store, config: Config, faults: Faults, send: Send = post) -> None:
        self._store, self._config, self._faults, self._send = store, config, faults, send
        self.urls = {"stripe": config.stripe_webhook_url, "brevo": config.brevo_webhook_url}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._dispatcher: threading.Thread | None = None
        # Deliveries that were being sent when the last run ended are sent again.
        store.execute("UPDATE deliveries SET state = 'pending' WHERE state = 'sending'")
        if store.execute("SELECT 1 FROM deliveries WHERE state = 'pending' LIMIT 1"):
            self._start()

    def enqueue(self, *, provider: str, event_id: str, event_type: str, payload: Any, url: str | None = None) -> None:
        """Record a delivery in the caller's transaction, if an endpoint exists and subscribes to the event type."""
        url = url or self.urls.get(provider)
        subscribed = self._config.stripe_webhook_events if provider == "stripe" else ()
        if not url or (subscribed and event_type not in subscribed):
            return
        now = time.time()
        faults = self._faults.for_webhook(provider=provider)
        delay = faults["webhook_delay"].delay_seconds() if "webhook_delay" in faults else 0.0
        if "webhook_reorder" in faults:
            fault = faults["webhook_reorder"]
            delay += fault.random_source.uniform(0, fault.window_ms) / 1000
        state = "dropped" if "webhook_drop" in faults else "pending"
        body = json.dumps(payload, separators=(",", ":"))
        for _ in range(2 if "webhook_duplicate" in faults else 1):
            self._store.insert(
                "INSERT INTO deliveries (provider, event_id, event_type, url, body, state, due, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (provider, event_id, event_type, url, body, state, now + delay, now),
            )
        self._start()
        self._wake.set()

    def redeliver(self, delivery_id: int) -> bool:
        """Send the delivery again now. Return False if it does not exist."""
        found = self._store.execute("SELECT id FROM deliveries WHERE id = ?", (delivery_id,))
        self._store.execute(
            "UPDATE deliveries SET state = 'pending', attempts = 0, due = ? WHERE id = ?",
            (time.time(), delivery_id),
        )
        self._start()
        self._wake.set()
        return bool(found)

    def listing(self, *, state: str | None = None, provider: str | None = None) -> list[dict[str, Any]]:
        """Newest first, at most 10,000."""
        rows = self._store.execute(
            f"SELECT {', '.join(COLUMNS)} FROM deliveries"
            " WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR provider = ?2) ORDER BY id DESC LIMIT 10000",
            (state, provider),
        )
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def count(self) -> int:
        return int(self._store.execute("SELECT count(*) FROM deliveries")[0][0])

    def idle(self) -> bool:
        """Whether no delivery is waiting or being sent."""
        return not self._store.execute("SELECT 1 FROM deliveries WHERE state IN ('pending', 'sending') LIMIT 1")

    def close(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._dispatcher is not None:
            self._dispatcher.join(timeout=2)

    def _start(self) -> None:
        with self._starting:
            if self._dispatcher is None and not self._stopping.is_set():
                self._dispatcher = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
                self._dispatcher.start()

    def _run(self) -> None:
        pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="sandbox-webhook")
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                due = self._claim()
                for delivery in due:
                    pool.submit(self._deliver, delivery)
                if not due:
                    self._wake.wait(self._seconds_to_next())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _claim(self) -> list[Delivery]:
        with self._store.transaction():
            rows = self._store.execute(
                "UPDATE deliveries SET state = 'sending' WHERE id IN (SELECT id FROM deliveries"
                " WHERE state = 'pending' AND due <= ? ORDER BY due, id LIMIT 50)"
                " RETURNING id, provider, url, body, attempts",
                (time.time(),),
            )
        return [Delivery(*row) for row in sorted(rows)]

    def _seconds_to_next(self) -> float:
        rows = self._store.execute("SELECT min(due) FROM deliveries WHERE state = 'pending'")
        if rows[0][0] is None:
            return IDLE_SECONDS
        return min(IDLE_SECONDS, max(0.001, float(rows[0][0]) - time.time()))

    def _deliver(self, delivery: Delivery) -> None:
        if self._stopping.is_set():
            return
        status, problem = None, None
        try:
            body = delivery.body.encode()
            status = self._send(delivery.url, self._headers(delivery, body), body, self._config.webhook_timeout)
        except Unreachable as error:
            problem = str(error)
        if not self._stopping.is_set():
            self._record(delivery, status, problem)

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8", "Connection": "close"}
        if delivery.provider == "stripe":
            signature = stripe_signature(payload=body, secret=self._config.stripe_webhook_secret, at=int(time.time()))
            return headers | {"Stripe-Signature": signature, "User-Agent": "Stripe/1.0 (sandbox)"}
        if self._config.brevo_webhook_token:
            headers["Authorization"] = f"Bearer {self._config.brevo_webhook_token}"
        return headers | {"User-Agent": "Brevo/1.0 (sandbox)"}

    def _record(self, delivery: Delivery, status: int | None, problem: str | None) -> None:
        attempts = delivery.attempts + 1
        if status is not None and 200 <= status < 300:
            state = "delivered"
        elif delivery.provider == "brevo" and status not in (None, 429):
            state = "lost"
        else:
            state = "pending"
        schedule = (
            self._config.stripe_webhook_retries if delivery.provider == "stripe" else self._config.brevo_webhook_retries
        )
        if state == "pending" and attempts > len(schedule):
            state = "failed"
        due = time.time() + schedule[attempts - 1] if state == "pending" else None
        self._store.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, due = ?, last_status = ?, last_error = ? WHERE id = ?",
            (state, attempts, due, status, problem, delivery.id),
        )
        self._wake.set()
