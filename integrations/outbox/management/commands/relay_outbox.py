"""The relay process: woken by PostgreSQL when a row is written, it sends what is due until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connection

from integrations.backoff import Backoff
from integrations.outbox import relay

logger = logging.getLogger(__name__)

MAX_WAIT_FOR_ROWS_SECONDS = 1.0
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 4.0


class Command(BaseCommand):
    help = "Send outbox rows to SQS as they are written. Any number may run; stop with SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, then exit")

    def handle(self, *, once: bool, **_: Any) -> None:
        if once:
            while relay.relay_due().made_progress:
                pass
            return
        Relay().run()


def new_backoff() -> Backoff:
    return Backoff(first=FIRST_WAIT_SECONDS, maximum=MAX_WAIT_SECONDS)


class Relay:
    """The loop round ``relay_due``: wait to be woken, send, leave alone for a while what does not answer."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.queues: dict[str, Backoff] = {}
        self.database = new_backoff()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        logger.info("relay started")
        while not self.stopping.is_set():
            try:
                self._listen()
                self._send_until_dry()
                self._wait_to_be_woken()
                self.database.succeeded()
            except (OperationalError, InterfaceError) as error:
                connection.close()
                self.database.failed()
                seconds = self.database.wait_seconds
                logger.warning("the database is away (%s); again in %.1f s", type(error).__name__, seconds)
                self.stopping.wait(seconds)
        logger.info("relay stopped")

    def _listen(self) -> None:
        # Once a session is enough and a round trip a round is cheap: a new session is never forgotten.
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {relay.CHANNEL}")

    def _send_until_dry(self) -> None:
        while not self.stopping.is_set():
            done = relay.relay_due(resting=self._resting())
            for queue, outage in done.outages.items():
                backoff = self.queues.setdefault(queue, new_backoff())
                backoff.failed()
                logger.warning("%s does not answer; again in %.1f s: %s", queue, backoff.wait_seconds, outage)
            if done.sent:
                self.queues = {name: backoff for name, backoff in self.queues.items() if backoff.is_waiting}
            if not done.made_progress:
                return

    def _resting(self) -> list[str]:
        return [name for name, backoff in self.queues.items() if backoff.is_waiting]

    def _wait_to_be_woken(self) -> None:
        resting = self._resting()
        nap = relay.seconds_until_due(at_most=MAX_WAIT_FOR_ROWS_SECONDS, resting=resting)
        for name in resting:
            nap = min(nap, self.queues[name].wait_seconds)
        with connection.wrap_database_errors:  # a database that goes away in here is one of those that run() expects
            for _ in connection.connection.notifies(timeout=nap, stop_after=1):
                pass
