"""Compare payment intents that Stripe listed with our charges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from charges.models import Charge, ChargeAttempt
from charges.operations.reconciliation.differences import Difference, Problem, Remedy, described, state_of
from integrations.stripe.listings import Listed

Status = Charge.Status

MONEY_MOVED = ("succeeded", "processing", "requires_capture")
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")

# The statuses of a charge that fit each status of its intent; every other pair is a difference. Settlement does not
# change a failed charge while the customer authenticates another payment method.
FITTING: Mapping[str, tuple[str, ...]] = {
    "succeeded": (Status.SUCCEEDED,),
    "processing": (Status.PROCESSING,),
    "requires_action": (Status.REQUIRES_ACTION, Status.FAILED),
    "requires_payment_method": (Status.PENDING, Status.FAILED),
    "requires_confirmation": (Status.PENDING, Status.FAILED, Status.REQUIRES_ACTION),
    "canceled": (Status.CANCELED,),
}


def of_intents(rows: Sequence[Listed]) -> list[Difference]:
    """The differences between these intents and our charges."""
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
    if missed or not _fits(row, charge):
        canceled_and_paid = charge.status == Status.CANCELED and row.status == "succeeded"
        problem = Problem.PAID_THOUGH_CANCELED if canceled_and_paid else Problem.STATUS_DIFFERS
        yield _about(row, charge, problem, remedy=_remedy_of_status(row, charge))


def _of_other_intent(row: Listed, charge: Charge | None) -> Iterable[Difference]:
    """Compare an intent that no charge has saved. ``charge`` is the charge that its metadata names, if any."""
    if row.status == "canceled":
        return  # it was not paid and cannot be paid
    if charge is None:
        # Other systems may use the same account. Ignore their unpaid intents.
        if row.status in MONEY_MOVED or "charge" in row.metadata:
            yield _unknown_here(row)
    elif charge.payment_intent_id is None and charge.status != Status.CANCELED:
        problem = Problem.STATUS_DIFFERS if row.status in MONEY_MOVED else Problem.NOT_LINKED
        yield _about(row, charge, problem, remedy=Remedy.READ)
    elif row.status not in MONEY_MOVED:
        yield _about(row, charge, Problem.SECOND_INTENT, remedy=Remedy.CANCEL)
    else:
        yield _about(row, charge, Problem.PAID_TWICE if charge.payment_intent_id else Problem.PAID_THOUGH_CANCELED)


def _fits(row: Listed, charge: Charge) -> bool:
    if charge.status == Status.REQUIRES_ACTION and row.status == "requires_payment_method":
        # A bank that requires authentication may decline the card; the intent then waits for another payment method.
        return row.decline is not None and row.decline.needs_authentication
    return charge.status in FITTING.get(row.status, ())


def _remedy_of_status(row: Listed, charge: Charge) -> Remedy:
    if row.status not in FITTING or charge.status == Status.SUCCEEDED:
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
    """The intents whose last error is a decline that their pending charge does not know."""
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
    return {intent for intent, decline in suspects.items() if decline not in known}


def _about(row: Listed, charge: Charge, problem: Problem, *, remedy: Remedy = Remedy.NONE) -> Difference:
    here = described(charge.amount, charge.currency, charge.status)
    return Difference(
        kind=row.kind,
        problem=problem,
        stripe_id=row.id,
        made_at=row.made_at,
        charge_id=charge.pk,
        details=f"Stripe: {state_of(row)}; here: {here}, with {charge.payment_intent_id or 'no intent'}",
        remedy=remedy,
    )


def _unknown_here(row: Listed) -> Difference:
    named = _named(row)
    if named:
        here = f"here: its metadata names the charge {named}, which does not exist"
    else:
        here = "not created by this shop: its metadata names no charge"
    return Difference(
        kind=row.kind,
        problem=Problem.MISSING_HERE,
        stripe_id=row.id,
        made_at=row.made_at,
        details=f"Stripe: {state_of(row)}; {here}",
    )
