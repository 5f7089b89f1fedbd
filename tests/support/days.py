"""The time of the tests: one fixed moment, and a shop whose days pass only when a test says so."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app

from integrations.errors import PermanentError

if TYPE_CHECKING:
    from tests.support.sandboxes import StripeSandbox

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
# PostgreSQL's clock sets `not_before` of a message that is due immediately, so it is not exactly `created_at`.
IMMEDIATELY = dt.timedelta(seconds=5)


class Days:
    """Runs the tasks of the Charges and Orders queues as a worker would, at the test's own time. Messages of the other
    queues stay in the outbox.

    ``ladder``: how often a failing message is delivered, without pauses, before it counts as a dead letter.
    """

    QUEUES = ("ChargesQueue", "OrdersQueue")

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, sandbox: StripeSandbox, *, start: dt.datetime = NOW, ladder: int = 4
    ) -> None:
        self.now = start
        self.ladder = ladder
        self.sandbox = sandbox
        self.dead: list[tuple[str, str]] = []
        self.dead_rows: list[Any] = []
        monkeypatch.setattr("django.utils.timezone.now", lambda: self.now)
        monkeypatch.setattr("integrations.quick_retries.WAITS_SECONDS", (0.0, 0.0, 0.0))

    def until(self, moment: dt.datetime) -> None:
        """Deliver every message that is due until then, each at its time."""
        while (due := self._next()) is not None and due[0] <= moment:
            self.sleep_until(max(due[0], self.now))
            self._deliver(due[1])
        self.sleep_until(moment)

    def pass_(self, **time: float) -> None:
        """Let this much time pass, given as ``days=2, hours=1``, while the workers run."""
        self.until(self.now + dt.timedelta(**time))

    def sleep(self, **time: float) -> None:
        """Let this much time pass while no worker runs."""
        self.sleep_until(self.now + dt.timedelta(**time))

    def sleep_until(self, moment: dt.datetime) -> None:
        if moment > self.now:
            self.sandbox.pass_time((moment - self.now).total_seconds())
            self.now = moment

    def settle(self) -> None:
        """Deliver every message that is due now."""
        self.until(self.now)

    def deliver_any(self, number: int, *, again: bool = False) -> None:
        """Deliver one of the messages that are due, chosen by its number. It may have been delivered before.

        ``again``: the message will be delivered once more, as if the worker had died before it acknowledged it.
        """
        due = [row for row in self._messages() if self._due(row) <= self.now]
        if not due:
            return
        row = due[number % len(due)]
        try:
            self._deliver(row)
        finally:
            if again:
                self._mark(row, sent_at=row.sent_at)

    def redeliver_everything(self) -> None:
        """Deliver what is due, and the dead letters once more, as an operator does after the cause was fixed."""
        self.settle()
        rows, self.dead_rows, self.dead = self.dead_rows, [], []
        for row in rows:
            self._deliver(row)
        self.settle()

    def _messages(self) -> Any:
        from integrations.outbox.models import OutboxMessage

        return OutboxMessage.objects.filter(queue__in=self.QUEUES).order_by("pk")

    def _mark(self, row: Any, *, sent_at: dt.datetime | None) -> None:
        self._messages().filter(pk=row.pk).update(sent_at=sent_at)

    def _next(self) -> tuple[dt.datetime, Any] | None:
        due = ((self._due(row), row) for row in self._messages().filter(sent_at=None))
        return min(due, key=lambda pair: (pair[0], pair[1].pk), default=None)

    def _due(self, row: Any) -> dt.datetime:
        is_immediate = abs(row.not_before - row.created_at) < IMMEDIATELY
        return self.now if is_immediate else row.not_before

    def _deliver(self, row: Any) -> None:
        self._mark(row, sent_at=self.now)
        for _ in range(self.ladder):
            try:
                current_app.tasks[row.task](**row.kwargs)
            except PermanentError as error:
                failure = type(error).__name__
                break
            except Exception as error:
                failure = type(error).__name__
            else:
                return
        self.dead.append((row.task, failure))
        self.dead_rows.append(row)
