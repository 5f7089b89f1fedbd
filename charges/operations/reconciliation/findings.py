"""Differences on record: each once, whoever finds it however often, until it is gone or dealt with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from charges.models import ReconciliationFinding, ReconciliationKind, ReconciliationRun
from charges.operations.reconciliation.comparisons import Difference
from integrations.errors import PermanentError
from subscriptions.models import User

Problem = ReconciliationFinding.Problem
Status = ReconciliationFinding.Status

GONE = "Gone: both sides agree by now."

_INTENT, _REFUND, _DISPUTE = ReconciliationKind.INTENT, ReconciliationKind.REFUND, ReconciliationKind.DISPUTE
NEXT_STEPS: dict[tuple[str, str], str] = {
    (_INTENT, Problem.MISSING_HERE): "Look the payment up in Stripe's dashboard. If another system made it, mark this "
    "as dealt with; otherwise find out who paid for what, and refund it there if nothing is owed.",
    (_INTENT, Problem.MISSING_THERE): "Check that the shop's key belongs to the account in which the payment was made. "
    "If it does, and nothing was paid, do not deliver; tell the developers.",
    (_INTENT, Problem.AMOUNT_DIFFERS): "Compare the order with the payment in Stripe's dashboard. Refund what was "
    "taken too much, or ask the customer for the rest; tell the developers, for nobody may change an intent's amount.",
    (_INTENT, Problem.STATUS_DIFFERS): "Open the payment in Stripe's dashboard, and look at it again from here. If "
    "they still differ, tell the developers what both sides say.",
    (_INTENT, Problem.NOT_LINKED): "Look at it again from here; if the charge still does not know the intent, tell the "
    "developers.",
    (_INTENT, Problem.SECOND_INTENT): "Cancel this intent in Stripe's dashboard, so that nobody can pay by it.",
    (_INTENT, Problem.PAID_TWICE): "Compare it with the charge's own intent. If that was paid as well, refund this one "
    "in Stripe's dashboard; if not, tell the developers. Then mark this as dealt with.",
    (_INTENT, Problem.PAID_THOUGH_CANCELED): "Refund the payment in Stripe's dashboard, or have the developers revive "
    "the order if the customer still wants it. Then mark this as dealt with.",
    (_REFUND, Problem.MISSING_HERE): "Open the refund in Stripe's dashboard, and look at it again from here.",
    (_REFUND, Problem.MISSING_THERE): "The customer has not got the money: refund it again after checking in Stripe's "
    "dashboard that no other refund did it.",
    (_REFUND, Problem.AMOUNT_DIFFERS): "Compare both amounts with what the customer was promised; refund the rest, or "
    "tell the developers.",
    (_REFUND, Problem.STATUS_DIFFERS): "Open the refund in Stripe's dashboard, and look at it again from here.",
    (_DISPUTE, Problem.MISSING_HERE): "Open the dispute in Stripe's dashboard and mind its deadline; look at it again "
    "from here.",
    (_DISPUTE, Problem.MISSING_THERE): "Check that the shop's key belongs to the account in which the payment was "
    "made; then tell the developers.",
    (_DISPUTE, Problem.AMOUNT_DIFFERS): "Open the dispute in Stripe's dashboard; what it says counts.",
    (_DISPUTE, Problem.STATUS_DIFFERS): "Open the dispute in Stripe's dashboard; what it says counts.",
}


class ReasonMissing(PermanentError):
    """Whoever marks a finding as dealt with has to say how."""


def record(run: ReconciliationRun, differences: Sequence[Difference], *, at: dt.datetime) -> None:
    """Write these differences down, to be looked at again one by one. Three statements, however many there are."""
    if not differences:
        return
    known = {
        (one.kind, one.problem, one.stripe_id): one
        for one in ReconciliationFinding.objects.filter(stripe_id__in={one.stripe_id for one in differences})
    }
    new, again = [], []
    for difference in differences:
        finding = known.get((difference.kind, difference.problem, difference.stripe_id))
        if finding is None:
            new.append(_new(run, difference, at=at))
        else:
            again.append(_seen_again(finding, run, difference, at=at))
    # Another run may write the same finding at this moment.
    ReconciliationFinding.objects.bulk_create(new, ignore_conflicts=True)
    ReconciliationFinding.objects.bulk_update(
        again,
        ["run", "charge", "details", "next_step", "status", "look_again", "made_at", "last_seen_at", "resolved_at",
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
            return finding  # somebody has dealt with exactly this
        finding.status, finding.resolved_at, finding.resolved_by = Status.SUSPECTED, None, None
    finding.look_again = True
    finding.charge_id, finding.details, finding.made_at = difference.charge_id, difference.details, difference.made_at
    finding.next_step = NEXT_STEPS[difference.kind, difference.problem]
    return finding


def take_up(run: ReconciliationRun) -> None:
    """Have the run look again at what earlier runs left open and this one did not come across: it may be gone.

    A nightly run takes up everything, however old; the command what lies in its window.
    """
    earlier = ReconciliationFinding.objects.filter(~Q(status=Status.RESOLVED)).filter(made_at__lt=run.until)
    if run.night is None:
        earlier = earlier.filter(made_at__gte=run.since)
    earlier.exclude(run=run).update(run=run, look_again=True)


def unresolved_problems(*, kind: str, stripe_id: str) -> set[str]:
    """What is on record about one object and not resolved."""
    return set(
        ReconciliationFinding.objects.filter(kind=kind, stripe_id=stripe_id)
        .filter(~Q(status=Status.RESOLVED))
        .values_list("problem", flat=True)
    )


def keep_open(finding: ReconciliationFinding, *, details: str, tried: str = "") -> None:
    """It is as it was found. ``tried``: what was done in vain."""
    _end(finding, status=Status.OPEN, details=details, resolution=tried, resolved_at=None)


def close(finding: ReconciliationFinding, *, resolution: str, at: dt.datetime) -> None:
    _end(finding, status=Status.RESOLVED, resolution=resolution, resolved_at=at)


def _end(finding: ReconciliationFinding, **values: object) -> None:
    # Unless staff have marked it as dealt with meanwhile.
    ReconciliationFinding.objects.filter(pk=finding.pk).filter(~Q(status=Status.RESOLVED)).update(**values)
    ReconciliationFinding.objects.filter(pk=finding.pk).update(look_again=False)


@transaction.atomic(durable=True)
def mark_dealt_with(*, finding_ids: Sequence[UUID], by: User, reason: str, at: dt.datetime) -> int:
    """A person has dealt with these findings, or knows them to be right; how many of them were not resolved before.

    They stay so while they are found again as they are now, and come back when Stripe or we say something else.
    Raises ``ReasonMissing``.
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing("Say how it was dealt with: the reason is empty.")
    return (
        ReconciliationFinding.objects.filter(pk__in=finding_ids)
        .filter(~Q(status=Status.RESOLVED))
        .update(status=Status.RESOLVED, look_again=False, resolution=reason[:500], resolved_by=by.pk, resolved_at=at)
    )
