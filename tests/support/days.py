"""A shop whose days pass when a test says so: the outbox worked off in order of time, the clock passed in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from celery import current_app

from integrations.errors import PermanentError
from tests.support.payments import NOW, StripeSandbox

# What is due at once has the database's time, which is not the test's.
AT_ONCE = dt.timedelta(seconds=5)


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
        self._delivered: set[Any] = set()
        monkeypatch.setattr("django.utils.timezone.now", lambda: self.now)

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

    def _move_to(self, moment: dt.datetime) -> None:
        if moment > self.now:
            self.sandbox.pass_time((moment - self.now).total_seconds())
            self.now = moment

    def _next(self) -> tuple[dt.datetime, Any] | None:
        from integrations.outbox.models import OutboxMessage

        waiting = OutboxMessage.objects.filter(queue__in=self.QUEUES).exclude(pk__in=self._delivered)
        due = ((self._due(row), row) for row in waiting.order_by("pk"))
        return min(due, key=lambda one: (one[0], one[1].pk), default=None)

    def _due(self, row: Any) -> dt.datetime:
        at_once = abs(row.not_before - row.created_at) < AT_ONCE
        return self.now if at_once else row.not_before

    def _deliver(self, row: Any) -> None:
        self._delivered.add(row.pk)
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
