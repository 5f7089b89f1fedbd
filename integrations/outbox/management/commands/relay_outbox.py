"""The relay process: PostgreSQL wakes it when a row is written, and it sends the due rows until it is stopped."""

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
    help = "Send outbox rows to SQS as soon as they are due. Any number may run; stop with SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send the rows that are due now, then exit")

    def handle(self, *, once: bool, **_: Any) -> None:
        if once:
            while relay.relay_due().made_progress:
                pass
            return
        Relay().run()


def new_backoff() -> Backoff:
    return Backoff(first=FIRST_WAIT_SECONDS, maximum=MAX_WAIT_SECONDS)


class Relay:
    """The loop around ``relay_due``: wait for rows, send them, and back off while a queue or the database fails."""

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
                self._send_due_rows()
                self._wait_for_rows()
                self.database.succeeded()
            except (OperationalError, InterfaceError) as error:
                connection.close()
                self.database.failed()
                seconds = self.database.wait_seconds
                reason = type(error).__name__
                logger.warning("the database is unavailable (%s); next attempt in %.1f s", reason, seconds)
                self.stopping.wait(seconds)
        logger.info("relay stopped")

    def _listen(self) -> None:
        # Once per session would do. Every round is cheap, too, and cannot miss a new session.
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {relay.CHANNEL}")

    def _send_due_rows(self) -> None:
        while not self.stopping.is_set():
            done = relay.relay_due(skip_queues=self._waiting_queues())
            for queue, error in done.unavailable.items():
                backoff = self.queues.setdefault(queue, new_backoff())
                backoff.failed()
                logger.warning("%s does not answer; next attempt in %.1f s: %s", queue, backoff.wait_seconds, error)
            if done.sent:
                self.queues = {name: backoff for name, backoff in self.queues.items() if backoff.is_waiting}
            if not done.made_progress:
                return

    def _waiting_queues(self) -> list[str]:
        return [name for name, backoff in self.queues.items() if backoff.is_waiting]

    def _wait_for_rows(self) -> None:
        waiting = self._waiting_queues()
        seconds = relay.seconds_until_due(at_most=MAX_WAIT_FOR_ROWS_SECONDS, skip_queues=waiting)
        for name in waiting:
            seconds = min(seconds, self.queues[name].wait_seconds)
        with connection.wrap_database_errors:  # so that run() recognizes a lost connection
            for _ in connection.connection.notifies(timeout=seconds, stop_after=1):
                pass
