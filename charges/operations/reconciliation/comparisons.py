"""Compare objects that Stripe listed with our rows. This module writes nothing and sends no request.

A page costs at most three queries for each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from charges.models import Charge, Dispute, ReconciliationKind, Refund
from charges.operations.reconciliation.differences import Difference, Problem, Remedy, described, state_of
from charges.operations.reconciliation.intent_comparison import of_intents
from integrations.stripe.listings import Listed

# Two states of a refund at Stripe are one for us.
REFUND_STATES = {"requires_action": Refund.Status.PENDING, "": Refund.Status.PENDING}


def between(kind: str, rows: Sequence[Listed]) -> list[Difference]:
    """The differences between these objects and our rows."""
    return _COMPARISONS[kind](rows)


def _of_refunds(rows: Sequence[Listed]) -> list[Difference]:
    known = {
        str(refund.stripe_id): refund
        for refund in Refund.objects.filter(stripe_id__in=[row.id for row in rows]).select_related("charge")
    }
    found: list[Difference] = []
    for row in rows:
        if refund := known.get(row.id):
            status = REFUND_STATES.get(row.status, row.status)
            same = (refund.amount, refund.charge.currency, refund.status)
            found += _of_known(row, refund.charge, there=(row.amount, row.currency, status), here=same)
    return found + _missing_here([row for row in rows if row.id not in known])


def _of_disputes(rows: Sequence[Listed]) -> list[Difference]:
    known = {
        dispute.stripe_id: dispute
        for dispute in Dispute.objects.filter(stripe_id__in=[row.id for row in rows]).select_related("charge")
    }
    found: list[Difference] = []
    for row in rows:
        if dispute := known.get(row.id):
            here = (dispute.amount, dispute.currency, dispute.status)
            found += _of_known(row, dispute.charge, there=(row.amount, row.currency, row.status), here=here)
    return found + _missing_here([row for row in rows if row.id not in known])


_Facts = tuple[int, str, str]  # amount, currency, status


def _of_known(row: Listed, charge: Charge, *, there: _Facts, here: _Facts) -> Iterable[Difference]:
    details = f"Stripe: {described(*there)}; here: {described(*here)}"
    if there[:2] != here[:2]:
        yield _about_event(row, charge, Problem.AMOUNT_DIFFERS, details)
    if there[2] != here[2]:
        yield _about_event(row, charge, Problem.STATUS_DIFFERS, details)


def _missing_here(rows: Sequence[Listed]) -> list[Difference]:
    """Refunds and disputes of our payments that have no row here. Those of other payments are ignored."""
    if not rows:
        return []
    charges = {
        charge.payment_intent_id: charge
        for charge in Charge.objects.filter(payment_intent_id__in={row.payment_intent_id for row in rows})
    }
    return [
        _about_event(
            row, charges[row.payment_intent_id], Problem.MISSING_HERE, f"Stripe: {state_of(row)}; here: nothing"
        )
        for row in rows
        if row.payment_intent_id in charges
    ]


def _about_event(row: Listed, charge: Charge, problem: Problem, details: str) -> Difference:
    return Difference(
        kind=row.kind,
        problem=problem,
        stripe_id=row.id,
        made_at=row.made_at,
        charge_id=charge.pk,
        payment_intent_id=row.payment_intent_id,
        stripe_charge_id=row.stripe_charge_id,
        details=details,
        remedy=Remedy.PROCESS,
    )


_COMPARISONS: Mapping[str, Callable[[Sequence[Listed]], list[Difference]]] = {
    ReconciliationKind.INTENT: of_intents,
    ReconciliationKind.REFUND: _of_refunds,
    ReconciliationKind.DISPUTE: _of_disputes,
}
