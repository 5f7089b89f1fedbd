"""What differs between what Stripe shows and our rows. Nothing is written here, and Stripe is not asked.

Whatever comes in, a page costs at most three queries for each kind.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from charges.models import Charge, ChargeAttempt, Dispute, ReconciliationFinding, ReconciliationKind, Refund
from integrations.stripe.listings import Listed
from subscriptions.money import formatted

Problem = ReconciliationFinding.Problem
Status = Charge.Status

MONEY_MOVED = ("succeeded", "processing", "requires_capture")
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")

# Which states of an intent and of its charge go together; any other pair is a difference. Settlement leaves a failed
# charge alone while its customer authenticates another card.
TOGETHER: Mapping[str, tuple[str, ...]] = {
    "succeeded": (Status.SUCCEEDED,),
    "processing": (Status.PROCESSING,),
    "requires_action": (Status.REQUIRES_ACTION, Status.FAILED),
    "requires_payment_method": (Status.PENDING, Status.FAILED),
    "requires_confirmation": (Status.PENDING, Status.FAILED, Status.REQUIRES_ACTION),
    "canceled": (Status.CANCELED,),
}
# Stripe has a state of a refund that we do not tell apart.
REFUND_STATES = {"requires_action": Refund.Status.PENDING, "": Refund.Status.PENDING}


class Remedy(enum.Enum):
    """What may be done about a difference without asking anybody: nothing of it moves money."""

    NONE = enum.auto()
    READ = enum.auto()  # Stripe is ahead: believe it
    CANCEL = enum.auto()  # close an intent that nobody needs
    TELL = enum.auto()  # deal with a refund or a dispute as if its event had come now


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    kind: str
    problem: str
    stripe_id: str
    made_at: dt.datetime
    details: str
    charge_id: UUID | None = None
    payment_intent_id: str = ""
    stripe_charge_id: str = ""
    remedy: Remedy = Remedy.NONE


def between(kind: str, rows: Sequence[Listed]) -> list[Difference]:
    """The differences of these objects of Stripe's from our rows."""
    return _COMPARISONS[kind](rows)


def _of_intents(rows: Sequence[Listed]) -> list[Difference]:
    linked = {
        str(charge.payment_intent_id): charge
        for charge in Charge.objects.filter(payment_intent_id__in=[row.id for row in rows])
    }
    named = _charges_named_by([row for row in rows if row.id not in linked])
    missed = _missed_declines(rows, linked)
    found: list[Difference] = []
    for row in rows:
        if charge := linked.get(row.id):
            found += _of_own_intent(row, charge, missed=row.id in missed)
        else:
            charge = named.get(_named(row)) if "charge" in row.metadata else None
            found += _of_other_intent(row, charge)
    return found


def _of_own_intent(row: Listed, charge: Charge, *, missed: bool) -> Iterable[Difference]:
    if (row.amount, row.currency) != (charge.amount, charge.currency):
        yield _about(row, charge, Problem.AMOUNT_DIFFERS)
    if missed or not _go_together(row, charge):
        canceled_and_paid = charge.status == Status.CANCELED and row.status == "succeeded"
        problem = Problem.PAID_THOUGH_CANCELED if canceled_and_paid else Problem.STATUS_DIFFERS
        yield _about(row, charge, problem, remedy=_remedy_of_status(row, charge))


def _of_other_intent(row: Listed, charge: Charge | None) -> Iterable[Difference]:
    """An intent that no charge has on record; ``charge`` is the one that it names."""
    if row.status == "canceled":
        return  # nothing was paid by it, and nothing can be
    if charge is None:
        # Other systems may share the account; what they have not been paid for is none of our business.
        if row.status in MONEY_MOVED or "charge" in row.metadata:
            yield _unknown_here(row)
    elif charge.payment_intent_id is None and charge.status != Status.CANCELED:
        problem = Problem.STATUS_DIFFERS if row.status in MONEY_MOVED else Problem.NOT_LINKED
        yield _about(row, charge, problem, remedy=Remedy.READ)
    elif row.status not in MONEY_MOVED:
        yield _about(row, charge, Problem.SECOND_INTENT, remedy=Remedy.CANCEL)
    else:
        yield _about(row, charge, Problem.PAID_TWICE if charge.payment_intent_id else Problem.PAID_THOUGH_CANCELED)


def _go_together(row: Listed, charge: Charge) -> bool:
    if charge.status == Status.REQUIRES_ACTION and row.status == "requires_payment_method":
        # A bank that wants the customer there refuses the card; the intent then waits for another.
        return row.decline is not None and row.decline.needs_authentication
    return charge.status in TOGETHER.get(row.status, ())


def _remedy_of_status(row: Listed, charge: Charge) -> Remedy:
    if row.status not in TOGETHER or charge.status == Status.SUCCEEDED:
        return Remedy.NONE
    if charge.status == Status.CANCELED:
        return Remedy.CANCEL if row.status in OPEN else Remedy.NONE
    return Remedy.READ


def _named(row: Listed) -> UUID | None:
    try:
        return UUID(row.metadata["charge"])
    except (KeyError, ValueError):
        return None


def _charges_named_by(rows: Sequence[Listed]) -> dict[UUID | None, Charge]:
    ids = {named for row in rows if (named := _named(row)) is not None}
    return {charge.pk: charge for charge in Charge.objects.filter(pk__in=ids)} if ids else {}


def _missed_declines(rows: Sequence[Listed], linked: Mapping[str, Charge]) -> set[str]:
    """The intents that remember a refusal of which their pending charge knows nothing."""
    suspects = {
        row.id: (linked[row.id].pk, row.decline.stripe_charge_id)
        for row in rows
        if row.id in linked
        and linked[row.id].status == Status.PENDING
        and row.status == "requires_payment_method"
        and row.decline is not None
        and row.decline.stripe_charge_id
    }
    if not suspects:
        return set()
    known = set(
        ChargeAttempt.objects.filter(charge__in=[charge for charge, _ in suspects.values()]).values_list(
            "charge_id", "stripe_charge_id"
        )
    )
    return {intent for intent, refusal in suspects.items() if refusal not in known}


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
    details = f"Stripe: {_told(*there)}; here: {_told(*here)}"
    if there[:2] != here[:2]:
        yield _event(row, charge, Problem.AMOUNT_DIFFERS, details)
    if there[2] != here[2]:
        yield _event(row, charge, Problem.STATUS_DIFFERS, details)


def _missing_here(rows: Sequence[Listed]) -> list[Difference]:
    """Refunds and disputes of payments of ours. Those of other payments are other people's business."""
    if not rows:
        return []
    charges = {
        charge.payment_intent_id: charge
        for charge in Charge.objects.filter(payment_intent_id__in={row.payment_intent_id for row in rows})
    }
    return [
        _event(row, charges[row.payment_intent_id], Problem.MISSING_HERE, f"Stripe: {_state(row)}; here: nothing")
        for row in rows
        if row.payment_intent_id in charges
    ]


def _event(row: Listed, charge: Charge, problem: Problem, details: str) -> Difference:
    return Difference(
        kind=row.kind,
        problem=problem,
        stripe_id=row.id,
        made_at=row.made_at,
        charge_id=charge.pk,
        payment_intent_id=row.payment_intent_id,
        stripe_charge_id=row.stripe_charge_id,
        details=details,
        remedy=Remedy.TELL,
    )


def _about(row: Listed, charge: Charge, problem: Problem, *, remedy: Remedy = Remedy.NONE) -> Difference:
    here = _told(charge.amount, charge.currency, charge.status)
    return Difference(
        kind=row.kind,
        problem=problem,
        stripe_id=row.id,
        made_at=row.made_at,
        charge_id=charge.pk,
        details=f"Stripe: {_state(row)}; here: {here}, with {charge.payment_intent_id or 'no intent'}",
        remedy=remedy,
    )


def _unknown_here(row: Listed) -> Difference:
    named = _named(row)
    return Difference(
        kind=row.kind,
        problem=Problem.MISSING_HERE,
        stripe_id=row.id,
        made_at=row.made_at,
        details=f"Stripe: {_state(row)}; "
        + (f"here: no charge {named}, which it names" if named else "not made by this shop: it names no charge"),
    )


def _state(row: Listed) -> str:
    return _told(row.amount, row.currency, row.status)


def _told(amount: int, currency: str, status: str) -> str:
    return f"{status} {formatted(amount=amount, currency=currency)}"


_COMPARISONS: Mapping[str, Callable[[Sequence[Listed]], list[Difference]]] = {
    ReconciliationKind.INTENT: _of_intents,
    ReconciliationKind.REFUND: _of_refunds,
    ReconciliationKind.DISPUTE: _of_disputes,
}
