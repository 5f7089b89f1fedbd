"""A comparison from its beginning to its end, in steps that are short, and committed with where the next one begins.

Memory does not grow with the number of payments: a step holds one page of Stripe's, or one batch of our rows. What
Stripe has shown is remembered in a table, for the other direction.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from uuid import UUID

from django.db import transaction

from charges.events import ReconciliationContinues
from charges.models import ReconciliationFinding, ReconciliationKind, ReconciliationRun, SeenAtStripe
from charges.operations.reconciliation import comparisons, findings, resolutions, unseen
from integrations.errors import PermanentError, TransientError
from integrations.locks import session_lock
from integrations.outbox.events import publish
from integrations.stripe import listings

logger = logging.getLogger(__name__)

Phase = ReconciliationRun.Phase

# What is younger is on its way still: its webhook, its task, its retries.
GRACE = dt.timedelta(minutes=15)
NIGHTLY_WINDOW = dt.timedelta(days=8)
# A run that stands still so long has lost its message for good, or its command was given up.
STALE = dt.timedelta(hours=20)
# For one task. Its last step may take three calls to Stripe more, and all of it stays below the queue's time limit.
SLICE_SECONDS = 20.0
BATCH = 500

Step = Callable[[ReconciliationRun, dt.datetime], None]


class NoSuchRun(PermanentError):
    """There is no reconciliation of this id."""


class NothingToCompare(PermanentError):
    """The window ends before it begins; the last 15 minutes are never part of it."""


class Overtaken(TransientError):
    """Somebody else took this step of the run: the lock was lost in between."""


@transaction.atomic(durable=True)
def begin_nightly(*, at: dt.datetime) -> ReconciliationRun:
    """Tonight's run over the last eight days, and the message that has it done. Begun once, however often it comes."""
    run, begun = ReconciliationRun.objects.get_or_create(
        night=at.astimezone(dt.UTC).date(),
        defaults={"since": at - NIGHTLY_WINDOW, "until": at - GRACE, "started_at": at},
    )
    if begun:
        _abandon_stale(at=at)
        publish(ReconciliationContinues(run_id=run.pk, step=run.step))
    return run


@transaction.atomic(durable=True)
def begin(*, since: dt.datetime, until: dt.datetime | None, resolve: bool, at: dt.datetime) -> ReconciliationRun:
    """A run for the command, or the same one that was broken off earlier today. Raises ``NothingToCompare``."""
    _abandon_stale(at=at)
    last = at - GRACE
    ends = last if until is None else min(until, last)
    if ends <= since:
        raise NothingToCompare(f"Nothing was made between {since:%Y-%m-%d %H:%M} and {ends:%Y-%m-%d %H:%M} UTC.")
    broken_off = ReconciliationRun.objects.filter(
        night=None, finished_at=None, since=since, asked_until=until, resolve=resolve
    )
    return broken_off.order_by("pk").last() or ReconciliationRun.objects.create(
        since=since, until=ends, asked_until=until, resolve=resolve, started_at=at
    )


def _abandon_stale(*, at: dt.datetime) -> None:
    stale = ReconciliationRun.objects.filter(finished_at=None, started_at__lt=at - STALE)
    SeenAtStripe.objects.filter(run__in=stale).delete()
    stale.update(phase=Phase.ABANDONED, finished_at=at)


def continue_nightly(*, run_id: UUID, step: int, at: dt.datetime, seconds: float = SLICE_SECONDS) -> None:
    """One slice of a nightly run, and the message for the next one. A slice that was done before is not done again.

    Raises ``NoSuchRun``, ``Busy``, and what the gateway raises; what was compared until then is kept.
    """
    with _alone(run_id):
        run = _run(run_id)
        if run.finished_at is not None or run.step != step:
            logger.info("Reconciliation %s has moved on; its slice %d is done.", run_id, step)
            return
        _work(run, at=at, seconds=seconds)
        if run.finished_at is None:
            _hand_on(run)
        elif run.open:
            logger.error("Reconciliation %s left %d differences from Stripe open; see the admin.", run_id, run.open)


@transaction.atomic(durable=True)
def _hand_on(run: ReconciliationRun) -> None:
    run.step += 1
    run.save(update_fields=["step"])
    publish(ReconciliationContinues(run_id=run.pk, step=run.step))


def complete(
    *, run_id: UUID, at: dt.datetime, after_each: Callable[[ReconciliationRun], None] = lambda _: None
) -> ReconciliationRun:
    """The rest of a run, in this process. Raises ``NoSuchRun``, ``Busy``, and what the gateway raises; begun again,
    it goes on where it stopped."""
    with _alone(run_id):
        run = _run(run_id)
        while run.finished_at is None:
            _work(run, at=at, seconds=0)
            after_each(run)
        return run


def look_again_now(*, finding_id: UUID, at: dt.datetime) -> ReconciliationFinding:
    """Look at one finding at once, and resolve it where that is safe; with it, what turns up about the same object.
    Raises what the gateway raises."""
    finding = ReconciliationFinding.objects.select_related("run").get(pk=finding_id)
    with _alone(finding.run_id):
        if finding.status != ReconciliationFinding.Status.RESOLVED:
            resolutions.look_again(finding=finding, resolve=True, at=at)
        beside = ReconciliationFinding.objects.filter(stripe_id=finding.stripe_id, look_again=True)
        for other in beside.exclude(pk=finding.pk).select_related("run"):
            resolutions.look_again(finding=other, resolve=True, at=at)
    finding.refresh_from_db()
    return finding


def _alone(run_id: UUID) -> AbstractContextManager[None]:
    return session_lock(f"reconciliation:{run_id}")


def _run(run_id: UUID) -> ReconciliationRun:
    run = ReconciliationRun.objects.filter(pk=run_id).first()
    if run is None:
        raise NoSuchRun(f"There is no reconciliation {run_id}.")
    return run


def _work(run: ReconciliationRun, *, at: dt.datetime, seconds: float) -> None:
    """At least one step, and more while there are seconds left."""
    ends = time.monotonic() + seconds
    while run.finished_at is None:
        _STEPS[run.phase](run, at)
        if time.monotonic() >= ends:
            return


def _read_page(run: ReconciliationRun, at: dt.datetime, *, kind: str) -> None:
    # Up to GRACE later than what is compared: our row may be that much older than its object at Stripe.
    page = listings.page(kind=kind, made_from=run.since, made_until=run.until + GRACE, after=run.cursor)
    settled = [row for row in page.rows if row.made_at < run.until]
    with transaction.atomic(durable=True):
        findings.record(run, comparisons.between(kind, settled), at=at)
        SeenAtStripe.objects.bulk_create(
            [SeenAtStripe(run_id=run.pk, kind=kind, stripe_id=row.id) for row in page.rows], ignore_conflicts=True
        )
        counts = {**run.counts, kind: run.counts.get(kind, 0) + len(settled)}
        _move(run, cursor=page.rows[-1].id if page.has_more and page.rows else None, counts=counts)


def _find_unseen(run: ReconciliationRun, at: dt.datetime, *, kind: str) -> None:
    rows = unseen.unseen(run, kind=kind, after=run.cursor, limit=BATCH)
    with transaction.atomic(durable=True):
        findings.record(run, [unseen.missing_there(kind, row) for row in rows], at=at)
        _move(run, cursor=str(rows[-1].id) if len(rows) == BATCH else None)


@transaction.atomic(durable=True)
def _take_up_earlier(run: ReconciliationRun, at: dt.datetime) -> None:
    findings.take_up(run)
    _move(run, cursor=None)


def _look_again(run: ReconciliationRun, at: dt.datetime) -> None:
    waiting = ReconciliationFinding.objects.filter(run_id=run.pk, look_again=True)
    finding = waiting.order_by("pk").select_related("run").first()
    if finding is None:
        _finish(run, at=at)
    else:
        resolutions.look_again(finding=finding, resolve=run.resolve, at=at)


@transaction.atomic(durable=True)
def _finish(run: ReconciliationRun, *, at: dt.datetime) -> None:
    found = ReconciliationFinding.objects.filter(run_id=run.pk)
    left = found.filter(status=ReconciliationFinding.Status.OPEN).count()
    everything = found.count()
    SeenAtStripe.objects.filter(run_id=run.pk).delete()
    _move(run, cursor=None, found=everything, open=left, resolved=everything - left, finished_at=at)


def _move(run: ReconciliationRun, *, cursor: str | None, **values: object) -> None:
    """Commit where the run goes on: at ``cursor``, or with the next phase. Raises ``Overtaken``."""
    phase = run.phase if cursor is not None else _PHASES[_PHASES.index(Phase(run.phase)) + 1]
    values |= {"phase": phase, "cursor": cursor or ""}
    here = ReconciliationRun.objects.filter(pk=run.pk, phase=run.phase, cursor=run.cursor)
    if not here.update(**values):
        raise Overtaken(f"Reconciliation {run.pk} was moved on by somebody else.")
    for name, value in values.items():
        setattr(run, name, value)


_PHASES = list(Phase)
_STEPS: Mapping[str, Step] = {
    Phase.INTENTS: partial(_read_page, kind=ReconciliationKind.INTENT.value),
    Phase.REFUNDS: partial(_read_page, kind=ReconciliationKind.REFUND.value),
    Phase.DISPUTES: partial(_read_page, kind=ReconciliationKind.DISPUTE.value),
    Phase.OUR_CHARGES: partial(_find_unseen, kind=ReconciliationKind.INTENT.value),
    Phase.OUR_REFUNDS: partial(_find_unseen, kind=ReconciliationKind.REFUND.value),
    Phase.OUR_DISPUTES: partial(_find_unseen, kind=ReconciliationKind.DISPUTE.value),
    Phase.EARLIER: _take_up_earlier,
    Phase.LOOKING_AGAIN: _look_again,
}
