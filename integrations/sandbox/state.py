"""The state of one sandbox, which all of its parts share."""

from __future__ import annotations

import threading
import time

from integrations.sandbox.config import Config
from integrations.sandbox.faults import Faults, RequestFaults
from integrations.sandbox.journal import Journal
from integrations.sandbox.rate_limits import TokenBucket
from integrations.sandbox.store import Store
from integrations.sandbox.webhooks import Send, Webhooks, post

OFFSET = "clock.offset"


class Clock:
    """The time of the sandbox. It can be moved forward, so that keys and time windows expire; a restart keeps that."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.offset: float = store.setting(OFFSET) or 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def advance(self, *, seconds: float) -> None:
        self.offset += seconds
        self._store.set_setting(OFFSET, self.offset)


class Sandbox:
    """The settings, clock, store, faults, webhooks, request journal and rate limits of a sandbox."""

    def __init__(self, config: Config, *, send: Send = post) -> None:
        self.config = config
        self.store = Store(config.data)
        self.clock = Clock(self.store)
        # Keys without a status were in flight when the last run was killed.
        self.store.execute("DELETE FROM idempotency WHERE status IS NULL")
        self.faults = Faults(self.store, initial_rules=config.faults)
        self.webhooks = Webhooks(store=self.store, config=config, faults=self.faults, send=send)
        self.journal = Journal()
        self.stopping = threading.Event()
        self.brevo_contacts = TokenBucket(
            per_second=config.brevo_contacts_per_second, burst=config.brevo_contacts_per_second or 10
        )
        self.dixa_calls = TokenBucket(
            per_second=config.dixa_requests_per_second,
            burst=(config.dixa_requests_per_second or 10) + config.dixa_burst,
        )

    def close(self) -> None:
        self.stopping.set()
        self.webhooks.close()
        self.store.close()

    def reset(self) -> None:
        """Delete everything: objects, keys, deliveries, faults and the request journal."""
        self.store.wipe()
        self.faults.replace([])
        self.journal.clear()
        self.clock.offset = 0.0

    def wait_for_latency(self, faults: RequestFaults) -> None:
        """Wait, if a fault delays this request."""
        if faults.latency_seconds:
            self.stopping.wait(faults.latency_seconds)
