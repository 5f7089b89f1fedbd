"""Save differences as findings. Each difference is one finding, however often it is found, until it is resolved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from charges.models import ReconciliationFinding, ReconciliationKind, ReconciliationRun
from charges.operations.reconciliation.differences import Difference
from integrations.errors import PermanentError
from subscriptions.models import User

Problem = ReconciliationFinding.Problem
Status = ReconciliationFinding.Status

GONE = "Gone: both sides agree now."

_INTENT, _REFUND, _DISPUTE = ReconciliationKind.INTENT, ReconciliationKind.REFUND, ReconciliationKind.DISPUTE
NEXT_STEPS: dict[tuple[str, str], str] = {
    (_INTENT, Problem.MISSING_HERE): "Look the payment up in Stripe's dashboard. If another system made it, mark this "
    "as resolved; otherwise find out who paid for what, and refund it there if nothing is owed.",
    (_INTENT, Problem.MISSING_THERE): "Check that the shop's key belongs to the account in which the payment was made. "
    "If it does, and nothing was paid, do not deliver; tell the developers.",
    (_INTENT, Problem.AMOUNT_DIFFERS): "Compare the order with the payment in Stripe's dashboard. Refund the "
    "excess, or ask the customer for the rest. Tell the developers: the amount of an intent must never change.",
    (_INTENT, Problem.STATUS_DIFFERS): "Open the payment in Stripe's dashboard, and check this finding again. If "
    "they still differ, tell the developers both statuses.",
    (_INTENT, Problem.NOT_LINKED): "Check this finding again. If the charge still does not have the intent, tell the "
    "developers.",
    (_INTENT, Problem.SECOND_INTENT): "Cancel this intent in Stripe's dashboard, so that it cannot be paid.",
    (_INTENT, Problem.PAID_TWICE): "Compare it with the charge's own intent. If that was paid as well, refund this one "
    "in Stripe's dashboard; if not, tell the developers. Then mark this as resolved.",
    (_INTENT, Problem.PAID_THOUGH_CANCELED): "Refund the payment in Stripe's dashboard, or have the developers revive "
    "the order if the customer still wants it. Then mark this as resolved.",
    (_REFUND, Problem.MISSING_HERE): "Open the refund in Stripe's dashboard, and check this finding again.",
    (_REFUND, Problem.MISSING_THERE): "The customer has not got the money: refund it again after checking in Stripe's "
    "dashboard that no other refund paid it.",
    (_REFUND, Problem.AMOUNT_DIFFERS): "Compare both amounts with what the customer was promised; refund the rest, or "
    "tell the developers.",
    (_REFUND, Problem.STATUS_DIFFERS): "Open the refund in Stripe's dashboard, and check this finding again.",
    (_DISPUTE, Problem.MISSING_HERE): "Open the dispute in Stripe's dashboard and note its deadline. Check this "
    "finding again.",
    (_DISPUTE, Problem.MISSING_THERE): "Check that the shop's key belongs to the account in which the payment was "
    "made; then tell the developers.",
    (_DISPUTE, Problem.AMOUNT_DIFFERS): "Open the dispute in Stripe's dashboard; Stripe's values count.",
    (_DISPUTE, Problem.STATUS_DIFFERS): "Open the dispute in Stripe's dashboard; Stripe's values count.",
}


class ReasonMissing(PermanentError):
    """A finding cannot be marked as resolved without a reason."""


def record(run: ReconciliationRun, differences: Sequence[Difference], *, at: dt.datetime) -> None:
    """Save these differences, to be checked again one by one. Three statements, however many there are."""
    if not differences:
        return
    known = {
        (finding.kind, finding.problem, finding.stripe_id): finding
        for finding in ReconciliationFinding.objects.filter(stripe_id__in={found.stripe_id for found in differences})
    }
    new, again = [], []
    for difference in differences:
        finding = known.get((difference.kind, difference.problem, difference.stripe_id))
        if finding is None:
            new.append(_new(run, difference, at=at))
        else:
            again.append(_seen_again(finding, run, difference, at=at))
    # A concurrent run may save the same finding.
    ReconciliationFinding.objects.bulk_create(new, ignore_conflicts=True)
    ReconciliationFinding.objects.bulk_update(
        again,
        ["run", "charge", "details", "next_step", "status", "check_again", "made_at", "last_seen_at", "resolved_at",
         "resolved_by"],
    )  # fmt: skip


def _new(run: ReconciliationRun, difference: Difference, *, at: dt.datetime) -> ReconciliationFinding:
    return ReconciliationFinding(
        kind=difference.kind,
        problem=difference.problem,
        stripe_id=difference.stripe_id,
        charge_id=difference.charge_id,
        details=difference.details,
        next_step=NEXT_STEPS[difference.kind, difference.problem],
        run=run,
        made_at=difference.made_at,
        first_seen_at=at,
        last_seen_at=at,
    )


def _seen_again(
    finding: ReconciliationFinding, run: ReconciliationRun, difference: Difference, *, at: dt.datetime
) -> ReconciliationFinding:
    finding.run, finding.last_seen_at = run, at
    if finding.status == Status.RESOLVED:
        if finding.resolved_by_id is not None and finding.details == difference.details:
            return finding  # staff resolved exactly this difference
        finding.status, finding.resolved_at, finding.resolved_by = Status.SUSPECTED, None, None
    finding.check_again = True
    finding.charge_id, finding.details, finding.made_at = difference.charge_id, difference.details, difference.made_at
    finding.next_step = NEXT_STEPS[difference.kind, difference.problem]
    return finding


def adopt_earlier(run: ReconciliationRun) -> None:
    """Let the run check the open findings of earlier runs that it did not find itself: they may be gone.

    A nightly run checks all of them; a run of the command, those in its window.
    """
    earlier = ReconciliationFinding.objects.filter(~Q(status=Status.RESOLVED)).filter(made_at__lt=run.until)
    if run.night is None:
        earlier = earlier.filter(made_at__gte=run.since)
    earlier.exclude(run=run).update(run=run, check_again=True)


def unresolved_problems(*, kind: str, stripe_id: str) -> set[str]:
    """The unresolved problems of one object."""
    return set(
        ReconciliationFinding.objects.filter(kind=kind, stripe_id=stripe_id)
        .filter(~Q(status=Status.RESOLVED))
        .values_list("problem", flat=True)
    )


def keep_open(finding: ReconciliationFinding, *, details: str, resolution: str = "") -> None:
    """Leave the finding open. ``resolution``: the attempt that did not resolve it."""
    _end(finding, status=Status.OPEN, details=details, resolution=resolution, resolved_at=None)


def close(finding: ReconciliationFinding, *, resolution: str, at: dt.datetime) -> None:
    _end(finding, status=Status.RESOLVED, resolution=resolution, resolved_at=at)


def _end(finding: ReconciliationFinding, **values: object) -> None:
    # Do not change a finding that staff resolved meanwhile.
    ReconciliationFinding.objects.filter(pk=finding.pk).filter(~Q(status=Status.RESOLVED)).update(**values)
    ReconciliationFinding.objects.filter(pk=finding.pk).update(check_again=False)


@transaction.atomic(durable=True)
def mark_resolved(*, finding_ids: Sequence[UUID], by: User, reason: str, at: dt.datetime) -> int:
    """Mark these findings as resolved by a person. Return how many were unresolved before.

    They stay resolved while later runs find the same difference, and open again if the difference changes. Raises
    ``ReasonMissing``.
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing("Say how you resolved it: the reason is empty.")
    return (
        ReconciliationFinding.objects.filter(pk__in=finding_ids)
        .filter(~Q(status=Status.RESOLVED))
        .update(status=Status.RESOLVED, check_again=False, resolution=reason[:500], resolved_by=by.pk, resolved_at=at)
    )
