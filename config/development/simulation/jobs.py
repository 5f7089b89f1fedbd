"""The periodic jobs of ``config.schedule`` at the simulated time.

Renewals begin, and pauses end, at the minute at which they are due. A job that only repairs what went wrong runs at
those of its times at which it can find the traces of an accident, and otherwise once a day, as the other jobs do. So a
quiet day costs a few jobs instead of thousands.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery.schedules import crontab

from charges.operations.recovery import missed_events, unknown_outcomes
from config.development.simulation.agenda import Agenda
from config.development.simulation.clock import START, Clock
from config.schedule import JOBS
from integrations.outbox.recovery import Window
from integrations.outbox.scheduler import publish_tick

# The jobs that do what is due at a time that a row names.
RENEWALS, RESUMPTIONS = "begin-due-renewals", "lift-due-holds"
# Other jobs that run more often than daily.
RUNS_A_DAY = {"publish-due-reminders": 4}

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)


def _repairs() -> dict[str, tuple[dt.timedelta, ...]]:
    """How long after an accident each job finds its traces."""
    window = Window(at=START, batch=1)
    return {
        "check-unknown-outcomes": unknown_outcomes.CHECKED_AFTER,
        "sweep": (window.at - window.stuck,),
        "fetch-missed-events": (missed_events.WEBHOOK_GRACE,),
    }


class Jobs:
    """The scheduler."""

    def __init__(self, *, clock: Clock, agenda: Agenda) -> None:
        self._clock, self._agenda = clock, agenda
        self._repairs = _repairs()
        self._planned: set[tuple[str, dt.datetime]] = set()
        self._ran_at = dict.fromkeys((RENEWALS, RESUMPTIONS), clock.now - MINUTE)

    def begin(self) -> None:
        """Plan the daily runs of all jobs."""
        for name, job in JOBS.items():
            if name not in (RENEWALS, RESUMPTIONS):
                self._plan_daily(name, job)

    def repair(self) -> None:
        """Something went wrong: run the repairing jobs when they can find it."""
        for name, delays in self._repairs.items():
            for delay in delays:
                self._plan_once(name, _first_after(JOBS[name]["schedule"], self._clock.now + delay))

    def run_at(self, name: str, due_at: dt.datetime) -> dt.datetime:
        """The minute at which the job does what is due first."""
        return max(_full_minute(due_at), self._ran_at[name] + MINUTE)

    def run(self, name: str) -> None:
        """Run the job now."""
        self._ran_at[name] = self._clock.now
        self._publish(name)

    def _plan_daily(self, name: str, job: dict[str, Any]) -> None:
        def run() -> None:
            self._publish(name)
            self._plan_daily(name, job)

        part = DAY / RUNS_A_DAY.get(name, 1)
        self._agenda.add(_first_after(job["schedule"], _next_multiple(self._clock.now, part) - MINUTE), run)

    def _plan_once(self, name: str, at: dt.datetime) -> None:
        if (name, at) in self._planned:
            return

        def run() -> None:
            self._planned.remove((name, at))
            self._publish(name)

        self._planned.add((name, at))
        self._agenda.add(at, run)

    def _publish(self, name: str) -> None:
        publish_tick(job=name, task=JOBS[name]["task"], at=self._clock.now)


def _full_minute(moment: dt.datetime) -> dt.datetime:
    start = moment.replace(second=0, microsecond=0)
    return start if start == moment else start + MINUTE


def _next_multiple(moment: dt.datetime, part: dt.timedelta) -> dt.datetime:
    """The next time after ``moment`` that is a multiple of a part of the day, such as the next midnight."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + part * ((moment - midnight) // part + 1)


def _first_after(schedule: crontab, moment: dt.datetime) -> dt.datetime:
    """The first minute after ``moment`` that is in the schedule. Every schedule has one each day."""
    minute = moment.replace(second=0, microsecond=0) + MINUTE
    while minute.minute not in schedule.minute or minute.hour not in schedule.hour:
        minute += MINUTE
    return minute
