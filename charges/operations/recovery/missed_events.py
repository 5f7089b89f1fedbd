"""Fetching the events that no webhook brought: our endpoint was away for days, or Stripe lost its address.

Stripe lists the newest first, so a listing that is broken off leaves a gap at its old end. Hence slices of time, the
oldest first: the mark moves to the end of a slice when all of it is recorded. Whoever dies leaves the mark where it
was, and what is read again is known to the inbox.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from charges.events import StripeWebhookReceived
from charges.models import SweepMark
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.stripe import events
from integrations.stripe.event_types import HANDLED_EVENTS
from integrations.stripe.webhooks import StripeEvent

logger = logging.getLogger(__name__)

MARK = "stripe_events"
OVERLAP = dt.timedelta(hours=1)  # an event may be listed later than it was made
FIRST_TIME = dt.timedelta(days=3)  # for so long Stripe itself repeats a webhook
STILL_ON_THE_WAY = dt.timedelta(minutes=5)
LOOKED_FOR_MOST = events.RETENTION - dt.timedelta(hours=1)

# A run begins with a short slice, and doubles it while they are cheap: how much there is shows when it is read.
FIRST_SLICE = dt.timedelta(minutes=15)
LONGEST_SLICE = dt.timedelta(hours=12)
CHEAP = 5  # pages
# A run that has come this far leaves the rest to the next, within half of its task's time limit. Its first slice is
# read to the end in any case: so each run moves the mark.
PAGES_A_RUN = 200
SECONDS_A_RUN = 40.0


@dataclass(slots=True)
class Run:
    """What a run has done so far."""

    began: float = field(default_factory=time.monotonic)
    pages: int = 0
    new: int = 0

    @property
    def spent(self) -> bool:
        return self.pages >= PAGES_A_RUN or time.monotonic() - self.began > SECONDS_A_RUN


def sweep_events(*, at: dt.datetime) -> int:
    """Record the events up to five minutes before ``at`` that the inbox does not have, and return how many those were.

    A run that has done its share leaves the rest to the next. Raises what the gateway raises.
    """
    run, until = Run(), at - STILL_ON_THE_WAY
    mark = _swept_until(at=at)
    start, end, length = mark - OVERLAP, min(mark + FIRST_SLICE, until), FIRST_SLICE
    while start < end and not run.spent:
        pages_before = run.pages
        if not _record(run, created_from=start, created_until=end, to_its_end=run.pages == 0):
            break
        _move_mark(until=end)
        if run.pages - pages_before <= CHEAP:
            length = min(2 * length, LONGEST_SLICE)
        start, end = end, min(end + length, until)
    _report(run, swept_until=start, until=until)
    return run.new


def _swept_until(*, at: dt.datetime) -> dt.datetime:
    mark = SweepMark.objects.filter(name=MARK).first()
    if mark is None:
        return at - FIRST_TIME
    if mark.swept_until < at - LOOKED_FOR_MOST:
        logger.error("Stripe's events were last swept until %s; it keeps them for 30 days only.", mark.swept_until)
    return max(mark.swept_until, at - LOOKED_FOR_MOST)


def _record(run: Run, *, created_from: dt.datetime, created_until: dt.datetime, to_its_end: bool) -> bool:
    """Record one slice, a page at a time; False where the run was spent before the slice's end."""
    listed = events.since(created_from=created_from, created_until=created_until, types=HANDLED_EVENTS)
    while True:
        page = list(islice(listed, events.PAGE))
        run.pages += 1
        run.new += _record_page(page)
        if len(page) < events.PAGE:
            return True
        if run.spent and not to_its_end:
            return False


def _record_page(page: Sequence[StripeEvent]) -> int:
    return recording.record(
        provider=WebhookEvent.Provider.STRIPE,
        received=[recording.Received(event_id=event.id, type=event.type, payload=event.payload) for event in page],
        event=lambda id: StripeWebhookReceived(webhook_event_id=id),
    )


def _move_mark(*, until: dt.datetime) -> None:
    """Forward only: of two sweeps at once, the slower one changes nothing."""
    SweepMark.objects.bulk_create([SweepMark(name=MARK, swept_until=until)], ignore_conflicts=True)
    SweepMark.objects.filter(name=MARK, swept_until__lt=until).update(swept_until=until)


def _report(run: Run, *, swept_until: dt.datetime, until: dt.datetime) -> None:
    if run.new:
        logger.warning("%d events of Stripe's had not arrived by webhook and are dealt with now.", run.new)
    logger.info("Stripe's events are swept until %s, in %d pages.", swept_until.isoformat(), run.pages)
    if swept_until < until:
        logger.warning("The sweep of Stripe's events is %s behind; the next run goes on.", until - swept_until)
