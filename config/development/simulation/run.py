"""Runs a simulation from the first checkout to the check of the ledger."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from unittest import mock

from django.conf import settings
from django.db import connection

from charges.events import StripeWebhookReceived
from charges.operations import ledger
from config.development import seed as first_rows
from config.development.simulation import figures
from config.development.simulation.accidents import Accidents
from config.development.simulation.agenda import Agenda
from config.development.simulation.clock import START, Clock, simulated
from config.development.simulation.customers import Customers
from config.development.simulation.database import own_database
from config.development.simulation.delivery import Delivery
from config.development.simulation.jobs import RENEWALS, RESUMPTIONS, Jobs
from config.development.simulation.providers import Providers, own_providers
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent

WEBHOOK_DELAY = dt.timedelta(seconds=2)
PROGRESS_SECONDS = 5.0
# One statement, because it runs for each step.
DUE = """
    SELECT (SELECT min(not_before) FROM outbox_outboxmessage WHERE sent_at IS NULL),
           (SELECT min(renews_at) FROM subscriptions_subscription),
           (SELECT min(lift_at) FROM subscriptions_hold WHERE lifted_at IS NULL)
"""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a simulation. ``broken``: the names of the invariants of the ledger that do not hold."""

    months: list[figures.Month]
    totals: Counter[str]
    invariants: int
    broken: list[str]
    seconds: float


def simulate(
    *, subscriptions: int, days: int, seed: int, progress: Progress = lambda _: None, template: str | None = None
) -> Result:
    """Simulate so many days of a shop in a database of its own. ``template``: see ``database.own_database``."""
    began, clock = time.perf_counter(), Clock()
    with own_database(template=template), simulated(clock), own_providers(clock) as providers, _fast():
        first_rows.add_missing_rows()
        shop = _Shop(clock=clock, providers=providers, seed=seed, until=START + dt.timedelta(days=days))
        shop.run(subscriptions=subscriptions, progress=progress)
        verdicts = ledger.check_ledger()
        return Result(
            months=figures.months(start=START, end=clock.now),
            totals=shop.totals(),
            invariants=len(verdicts),
            broken=[verdict.invariant.name for verdict in verdicts if not verdict.holds],
            seconds=time.perf_counter() - began,
        )


@contextmanager
def _fast() -> Iterator[None]:
    """Never sleep, log nothing (the accidents are intended), and keep no copies of the SQL."""
    disabled, debug = logging.root.manager.disable, settings.DEBUG
    logging.disable(logging.CRITICAL)
    settings.DEBUG = False
    try:
        with mock.patch("integrations.quick_retries.WAITS_SECONDS", (0.0, 0.0, 0.0)):
            yield
    finally:
        settings.DEBUG = debug
        logging.disable(disabled)


class _Shop:
    """The parts of a simulation, and its loop."""

    def __init__(self, *, clock: Clock, providers: Providers, seed: int, until: dt.datetime) -> None:
        self._clock, self._providers, self._until = clock, providers, until
        self._agenda = Agenda()
        self._jobs = Jobs(clock=clock, agenda=self._agenda)
        self._accidents = Accidents(
            seed=seed, clock=clock, agenda=self._agenda, providers=providers, on_accident=self._jobs.repair
        )
        self._delivery = Delivery(
            clock=clock,
            agenda=self._agenda,
            providers=providers,
            luck=self._accidents,
            on_failure=self._jobs.repair,
        )
        self._customers = Customers(seed=seed, clock=clock, agenda=self._agenda, providers=providers, until=until)
        self._webhooks: Counter[str] = Counter()

    def run(self, *, subscriptions: int, progress: Progress) -> None:
        self._customers.begin(number=subscriptions)
        self._jobs.begin()
        self._accidents.begin()
        start, reported = self._clock.now, time.monotonic()
        while self._take_a_step():
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                progress(f"day {(self._clock.now - start).days}, {self._delivery.counts['delivered']:,} messages")
        self._clock.move_to(self._until)

    def totals(self) -> Counter[str]:
        """How often each thing happened."""
        outages = Counter({f"outages of {name}": number for name, number in self._accidents.outages.items()})
        return self._delivery.counts + self._webhooks + self._customers.wishes.counts + outages

    def _take_a_step(self) -> bool:
        """Move to the next event and do all that is due then. Return False at the end of the simulation."""
        message_at, jobs = self._due_in_database()
        times = [time for time in (self._agenda.next_at, message_at, *jobs.values()) if time is not None]
        at = max(self._clock.now, min(times, default=self._until))
        if at > self._until:
            return False
        self._clock.move_to(at)
        for name, job_at in jobs.items():
            if job_at == at:
                self._jobs.run(name)
                message_at = at
        if message_at is not None and message_at <= at:
            self._delivery.relay()
        self._agenda.run_until(at)
        self._send_webhooks()
        self._customers.read_mails()
        return True

    def _due_in_database(self) -> tuple[dt.datetime | None, dict[str, dt.datetime]]:
        """When the next message of the outbox is due, and when each job that follows the rows runs next."""
        with connection.cursor() as cursor:
            cursor.execute(DUE)
            message_at, *due = cursor.fetchone()
        names = (RENEWALS, RESUMPTIONS)
        return message_at, {
            name: self._jobs.run_at(name, due_at) for name, due_at in zip(names, due, strict=True) if due_at is not None
        }

    def _send_webhooks(self) -> None:
        for event in self._providers.new_events():
            if self._accidents.is_webhook_lost():
                self._webhooks["webhooks lost"] += 1
                continue
            times = 2 if self._accidents.is_webhook_repeated() else 1
            self._webhooks["webhooks"] += times
            for _ in range(times):
                self._agenda.add(self._clock.now + WEBHOOK_DELAY, partial(self._receive, event))

    def _receive(self, event: dict[str, object]) -> None:
        recording.record(
            provider=WebhookEvent.Provider.STRIPE,
            received=[recording.Received(event_id=str(event["id"]), type=str(event["type"]), payload=event)],
            event=lambda id: StripeWebhookReceived(webhook_event_id=id),
        )
