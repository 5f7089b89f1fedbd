"""The phases of a reconciliation run. Each step is short, and is committed with the place where the next one begins.

Memory does not grow with the number of payments: a step holds one page of Stripe's list, or one batch of our rows. The
ids that Stripe listed are kept in a table, for the comparison in the other direction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial

from django.db import transaction

from charges.models import ReconciliationFinding, ReconciliationKind, ReconciliationRun, SeenAtStripe
from charges.operations.reconciliation import comparisons, findings, resolutions, unseen
from integrations.errors import TransientError
from integrations.stripe import listings

Phase = ReconciliationRun.Phase

# Newer objects are not compared: their events, tasks and retries may still be on their way.
GRACE = dt.timedelta(minutes=15)
BATCH = 500

Step = Callable[[ReconciliationRun, dt.datetime], None]


class Overtaken(TransientError):
    """Another worker did this step of the run, because our session lock was lost."""


def do_step(run: ReconciliationRun, *, at: dt.datetime) -> None:
    """Do the next step of the run. Raises ``Overtaken`` and what the gateway raises."""
    _STEPS[run.phase](run, at)


def read_page(run: ReconciliationRun, at: dt.datetime, *, kind: str) -> None:
    # Read GRACE beyond the window: our row may be that much older than its object at Stripe.
    page = listings.page(kind=kind, made_from=run.since, made_until=run.until + GRACE, after=run.cursor)
    in_window = [row for row in page.rows if row.made_at < run.until]
    with transaction.atomic(durable=True):
        findings.record(run, comparisons.between(kind, in_window), at=at)
        SeenAtStripe.objects.bulk_create(
            [SeenAtStripe(run_id=run.pk, kind=kind, stripe_id=row.id) for row in page.rows], ignore_conflicts=True
        )
        counts = {**run.counts, kind: run.counts.get(kind, 0) + len(in_window)}
        _move(run, cursor=page.rows[-1].id if page.has_more and page.rows else None, counts=counts)


def _find_unseen(run: ReconciliationRun, at: dt.datetime, *, kind: str) -> None:
    rows = unseen.unseen(run, kind=kind, after=run.cursor, limit=BATCH)
    with transaction.atomic(durable=True):
        findings.record(run, [unseen.missing_at_stripe(kind, row) for row in rows], at=at)
        _move(run, cursor=str(rows[-1].id) if len(rows) == BATCH else None)


@transaction.atomic(durable=True)
def _adopt_earlier(run: ReconciliationRun, at: dt.datetime) -> None:
    findings.adopt_earlier(run)
    _move(run, cursor=None)


def _check_again(run: ReconciliationRun, at: dt.datetime) -> None:
    waiting = ReconciliationFinding.objects.filter(run_id=run.pk, check_again=True)
    finding = waiting.order_by("pk").select_related("run").first()
    if finding is None:
        _finish(run, at=at)
    else:
        resolutions.check_again(finding=finding, resolve=run.resolve, at=at)


@transaction.atomic(durable=True)
def _finish(run: ReconciliationRun, *, at: dt.datetime) -> None:
    found = ReconciliationFinding.objects.filter(run_id=run.pk)
    left = found.filter(status=ReconciliationFinding.Status.OPEN).count()
    everything = found.count()
    SeenAtStripe.objects.filter(run_id=run.pk).delete()
    _move(run, cursor=None, found=everything, open=left, resolved=everything - left, finished_at=at)


def _move(run: ReconciliationRun, *, cursor: str | None, **values: object) -> None:
    """Commit where the run continues: at ``cursor``, or with the next phase. Raises ``Overtaken``."""
    phase = run.phase if cursor is not None else _PHASES[_PHASES.index(Phase(run.phase)) + 1]
    values |= {"phase": phase, "cursor": cursor or ""}
    here = ReconciliationRun.objects.filter(pk=run.pk, phase=run.phase, cursor=run.cursor)
    if not here.update(**values):
        raise Overtaken(f"Reconciliation {run.pk} was continued by another worker.")
    for name, value in values.items():
        setattr(run, name, value)


_PHASES = list(Phase)
_STEPS: Mapping[str, Step] = {
    Phase.INTENTS: partial(read_page, kind=ReconciliationKind.INTENT.value),
    Phase.REFUNDS: partial(read_page, kind=ReconciliationKind.REFUND.value),
    Phase.DISPUTES: partial(read_page, kind=ReconciliationKind.DISPUTE.value),
    Phase.OUR_CHARGES: partial(_find_unseen, kind=ReconciliationKind.INTENT.value),
    Phase.OUR_REFUNDS: partial(_find_unseen, kind=ReconciliationKind.REFUND.value),
    Phase.OUR_DISPUTES: partial(_find_unseen, kind=ReconciliationKind.DISPUTE.value),
    Phase.EARLIER: _adopt_earlier,
    Phase.CHECKING_AGAIN: _check_again,
}
