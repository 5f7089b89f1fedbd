"""A shop whose days pass when a test says so: the outbox worked off in order of time, the clock passed in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from celery import current_app

from integrations.errors import PermanentError
from tests.support.payments import AT_ONCE, NOW, StripeSandbox


class Days:
    """Runs the tasks of the Charges and Orders queues as a worker would, at the test's time; the others' messages stay.

    ``ladder``: how often a failing message is delivered at once, before it is left as dead.
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
        monkeypatch.setattr("integrations.quick_retries.PAUSES_SECONDS", (0.0, 0.0, 0.0))

    def until(self, moment: dt.datetime) -> None:
        """Everything that is due until then happens, when it is due."""
        while (due := self._next()) is not None and due[0] <= moment:
            self._move_to(max(due[0], self.now))
            self._deliver(due[1])
        self._move_to(moment)

    def pass_(self, **time: float) -> None:
        """So much time passes, as ``days=2, hours=1``."""
        self.until(self.now + dt.timedelta(**time))

    def sleep(self, **time: float) -> None:
        """So much time passes while no worker runs."""
        self._move_to(self.now + dt.timedelta(**time))

    def settle(self) -> None:
        """What is due now happens."""
        self.until(self.now)

    def deliver_any(self, number: int, *, again: bool = False) -> None:
        """One of the messages that are due, by its number: one that waits, or was delivered before. ``again``: it will
        be delivered again, as one is whose worker died."""
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
        """The dead letters as well, by somebody who has mended what was wrong."""
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

    def _move_to(self, moment: dt.datetime) -> None:
        if moment > self.now:
            self.sandbox.pass_time((moment - self.now).total_seconds())
            self.now = moment

    def _next(self) -> tuple[dt.datetime, Any] | None:
        due = ((self._due(row), row) for row in self._messages().filter(sent_at=None))
        return min(due, key=lambda one: (one[0], one[1].pk), default=None)

    def _due(self, row: Any) -> dt.datetime:
        at_once = abs(row.not_before - row.created_at) < AT_ONCE
        return self.now if at_once else row.not_before

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
