"""Begin and continue reconciliation runs. ``phases`` does the work of each step."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID

from django.db import transaction

from charges.events import ReconciliationContinues
from charges.models import ReconciliationFinding, ReconciliationRun, SeenAtStripe
from charges.operations.reconciliation import phases, resolutions
from integrations.errors import PermanentError
from integrations.locks import session_lock
from integrations.outbox.events import publish

logger = logging.getLogger(__name__)

GRACE = phases.GRACE
NIGHTLY_WINDOW = dt.timedelta(days=8)
# A run that does not move for this long has lost its message, or its command was interrupted.
STALE_AFTER = dt.timedelta(hours=20)
# Per task. The last step may take three more calls to Stripe; all of it fits into the queue's time limit.
SLICE_SECONDS = 20.0


class RunNotFound(PermanentError):
    """There is no reconciliation run with this id."""


class NothingToCompare(PermanentError):
    """The window is empty; the last 15 minutes are never part of it."""


@transaction.atomic(durable=True)
def begin_nightly(*, at: dt.datetime) -> ReconciliationRun:
    """Tonight's run over the last eight days, and the message that continues it. A second call returns the same run."""
    run, created = ReconciliationRun.objects.get_or_create(
        night=at.astimezone(dt.UTC).date(),
        defaults={"since": at - NIGHTLY_WINDOW, "until": at - GRACE, "started_at": at},
    )
    if created:
        _abandon_stale(at=at)
        publish(ReconciliationContinues(run_id=run.pk, step=run.step))
    return run


@transaction.atomic(durable=True)
def begin(*, since: dt.datetime, until: dt.datetime | None, resolve: bool, at: dt.datetime) -> ReconciliationRun:
    """A run for the command, or an interrupted run with the same arguments. Raises ``NothingToCompare``."""
    _abandon_stale(at=at)
    last = at - GRACE
    ends = last if until is None else min(until, last)
    if ends <= since:
        raise NothingToCompare(f"Nothing was created between {since:%Y-%m-%d %H:%M} and {ends:%Y-%m-%d %H:%M} UTC.")
    interrupted = ReconciliationRun.objects.filter(
        night=None, finished_at=None, since=since, asked_until=until, resolve=resolve
    )
    return interrupted.order_by("pk").last() or ReconciliationRun.objects.create(
        since=since, until=ends, asked_until=until, resolve=resolve, started_at=at
    )


def _abandon_stale(*, at: dt.datetime) -> None:
    stale = ReconciliationRun.objects.filter(finished_at=None, started_at__lt=at - STALE_AFTER)
    SeenAtStripe.objects.filter(run__in=stale).delete()
    stale.update(phase=ReconciliationRun.Phase.ABANDONED, finished_at=at)


def continue_nightly(*, run_id: UUID, step: int, at: dt.datetime, seconds: float = SLICE_SECONDS) -> None:
    """Do one slice of a nightly run and publish the next one. Does nothing if the slice was done before.

    Raises ``RunNotFound``, ``Busy`` and what the gateway raises. Finished steps stay finished.
    """
    with _run_lock(run_id):
        run = _run(run_id)
        if run.finished_at is not None or run.step != step:
            logger.info("Reconciliation %s has finished slice %d before.", run_id, step)
            return
        _work(run, at=at, seconds=seconds)
        if run.finished_at is None:
            _publish_next_slice(run)
        elif run.open:
            logger.error("Reconciliation %s left %d differences from Stripe open; see the admin.", run_id, run.open)


@transaction.atomic(durable=True)
def _publish_next_slice(run: ReconciliationRun) -> None:
    run.step += 1
    run.save(update_fields=["step"])
    publish(ReconciliationContinues(run_id=run.pk, step=run.step))


def complete(
    *, run_id: UUID, at: dt.datetime, after_each: Callable[[ReconciliationRun], None] = lambda _: None
) -> ReconciliationRun:
    """Do the rest of a run in this process. A second call continues where the first one stopped.

    Raises ``RunNotFound``, ``Busy`` and what the gateway raises.
    """
    with _run_lock(run_id):
        run = _run(run_id)
        while run.finished_at is None:
            _work(run, at=at, seconds=0)
            after_each(run)
        return run


def check_again_now(*, finding_id: UUID, at: dt.datetime) -> ReconciliationFinding:
    """Check one finding now, and resolve it if that is safe; also new findings about the same object.

    Raises what the gateway raises.
    """
    finding = ReconciliationFinding.objects.select_related("run").get(pk=finding_id)
    with _run_lock(finding.run_id):
        if finding.status != ReconciliationFinding.Status.RESOLVED:
            resolutions.check_again(finding=finding, resolve=True, at=at)
        same_object = ReconciliationFinding.objects.filter(stripe_id=finding.stripe_id, check_again=True)
        for other in same_object.exclude(pk=finding.pk).select_related("run"):
            resolutions.check_again(finding=other, resolve=True, at=at)
    finding.refresh_from_db()
    return finding


def _run_lock(run_id: UUID) -> AbstractContextManager[None]:
    return session_lock(f"reconciliation:{run_id}")


def _run(run_id: UUID) -> ReconciliationRun:
    run = ReconciliationRun.objects.filter(pk=run_id).first()
    if run is None:
        raise RunNotFound(f"There is no reconciliation {run_id}.")
    return run


def _work(run: ReconciliationRun, *, at: dt.datetime, seconds: float) -> None:
    """Do at least one step, and more while there are seconds left."""
    ends = time.monotonic() + seconds
    while run.finished_at is None:
        phases.do_step(run, at=at)
        if time.monotonic() >= ends:
            return
