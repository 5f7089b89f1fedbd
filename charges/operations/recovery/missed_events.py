"""Fetch the events that no webhook delivered, for example because our endpoint was down for days.

Stripe lists the newest events first, so a listing that is cut off misses the oldest ones. Therefore a run reads slices
of time, the oldest slice first. The mark moves to the end of a slice when all its events are recorded. If the worker
dies, the mark stays, and the inbox ignores the events that are read again.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from charges.models import FetchMark
from charges.operations.stripe_events import recording
from integrations.stripe import events
from integrations.stripe.event_types import HANDLED_EVENTS
from integrations.stripe.webhooks import StripeEvent

logger = logging.getLogger(__name__)

MARK = "stripe_events"
OVERLAP = dt.timedelta(hours=1)  # Stripe may list an event later than it was created
FIRST_LOOKBACK = dt.timedelta(days=3)  # Stripe repeats a webhook for this long
WEBHOOK_GRACE = dt.timedelta(minutes=5)
MAX_LOOKBACK = events.RETENTION - dt.timedelta(hours=1)

# A run begins with a short slice and doubles it while slices are cheap, because the number of events is not known.
FIRST_SLICE = dt.timedelta(minutes=15)
MAX_SLICE = dt.timedelta(hours=12)
CHEAP_PAGES = 5
# At these limits, within half of the task's time limit, a run leaves the rest to the next run. It always reads its
# first slice to the end, so each run moves the mark.
MAX_PAGES_PER_RUN = 200
MAX_SECONDS_PER_RUN = 40.0


@dataclass(slots=True)
class Run:
    """The progress of a run."""

    began: float = field(default_factory=time.monotonic)
    pages: int = 0
    new: int = 0

    @property
    def is_exhausted(self) -> bool:
        return self.pages >= MAX_PAGES_PER_RUN or time.monotonic() - self.began > MAX_SECONDS_PER_RUN


def fetch_missed_events(*, at: dt.datetime) -> int:
    """Record the events up to five minutes before ``at`` that the inbox does not have. Return how many.

    At its limits, a run leaves the rest to the next run. Raises what the gateway raises.
    """
    run, until = Run(), at - WEBHOOK_GRACE
    mark = _fetched_until(at=at)
    start, end, length = mark - OVERLAP, min(mark + FIRST_SLICE, until), FIRST_SLICE
    while start < end and not run.is_exhausted:
        pages_before = run.pages
        if not _record(run, created_from=start, created_until=end, to_the_end=run.pages == 0):
            break
        _move_mark(until=end)
        if run.pages - pages_before <= CHEAP_PAGES:
            length = min(2 * length, MAX_SLICE)
        start, end = end, min(end + length, until)
    _report(run, fetched_until=start, until=until)
    return run.new


def _fetched_until(*, at: dt.datetime) -> dt.datetime:
    mark = FetchMark.objects.filter(name=MARK).first()
    if mark is None:
        return at - FIRST_LOOKBACK
    if mark.fetched_until < at - MAX_LOOKBACK:
        logger.error(
            "Stripe's events were last fetched until %s; Stripe keeps them for 30 days only.", mark.fetched_until
        )
    return max(mark.fetched_until, at - MAX_LOOKBACK)


def _record(run: Run, *, created_from: dt.datetime, created_until: dt.datetime, to_the_end: bool) -> bool:
    """Record one slice, page by page. False if the run reached its limits before the end of the slice."""
    listed = events.since(created_from=created_from, created_until=created_until, types=HANDLED_EVENTS)
    while True:
        page = list(islice(listed, events.PAGE))
        run.pages += 1
        run.new += _record_page(page)
        if len(page) < events.PAGE:
            return True
        if run.is_exhausted and not to_the_end:
            return False


def _record_page(page: Sequence[StripeEvent]) -> int:
    return recording.record(events=page)


def _move_mark(*, until: dt.datetime) -> None:
    """Move the mark forward only. Of two concurrent runs, the slower one changes nothing."""
    FetchMark.objects.bulk_create([FetchMark(name=MARK, fetched_until=until)], ignore_conflicts=True)
    FetchMark.objects.filter(name=MARK, fetched_until__lt=until).update(fetched_until=until)


def _report(run: Run, *, fetched_until: dt.datetime, until: dt.datetime) -> None:
    if run.new:
        logger.warning("%d Stripe events had not arrived by webhook and are processed now.", run.new)
    logger.info("Stripe's events are fetched until %s, in %d pages.", fetched_until.isoformat(), run.pages)
    if fetched_until < until:
        logger.warning("The search for missed events is %s behind; the next run continues.", until - fetched_until)
