"""Looking again at one difference: is it still there, and may it be resolved without asking anybody?

Stripe's lists show an object as it was some moments ago, while payments go on. So nothing counts as found before both
sides were read once more; and a finding is resolved only after they were read again and agree.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping

from charges.models import Charge, ReconciliationFinding, ReconciliationKind
from charges.operations import locks
from charges.operations.payments.reading import read_payment
from charges.operations.reconciliation import comparisons, findings, unseen
from charges.operations.reconciliation.comparisons import Difference, Problem, Remedy
from charges.operations.stripe_events.disputes import process_dispute_event
from charges.operations.stripe_events.refunds import process_refund_event
from integrations.errors import PermanentError, ProviderError, TransientError
from integrations.locks import session_lock
from integrations.stripe import listings, payment_intents
from integrations.stripe.errors import IntentStateChanged

logger = logging.getLogger(__name__)

# What an event about the object would run.
EVENT_PROCESSORS = {
    ReconciliationKind.REFUND: process_refund_event,
    ReconciliationKind.DISPUTE: process_dispute_event,
}


def look_again(*, finding: ReconciliationFinding, resolve: bool, at: dt.datetime) -> None:
    """Read both sides of a finding; close it where they agree, resolve it where that is safe and ``resolve`` allows
    it, keep it open otherwise.

    Raises ``ProviderUnavailable``, ``ProviderThrottled`` and ``ProviderUnclear`` where Stripe cannot be read.
    """
    try:
        _look_again(finding, resolve=resolve, at=at)
    except PermanentError as error:
        # One that cannot be read must not keep the run from all the others.
        findings.keep_open(finding, details=finding.details, tried=f"Could not be looked at: {error}"[:500])


def _look_again(finding: ReconciliationFinding, *, resolve: bool, at: dt.datetime) -> None:
    if finding.problem == Problem.NOT_LINKED:
        _money_first(finding, resolve=resolve, at=at)
    difference = _still(finding, at=at)
    if difference is None:
        findings.close(finding, resolution=findings.GONE, at=at)
    elif not resolve or difference.remedy is Remedy.NONE:
        findings.keep_open(finding, details=difference.details)
    else:
        outcome = _remedied(difference, at=at)
        left = _still(finding, at=at)
        if left is None:
            findings.close(finding, resolution=outcome, at=at)
        else:
            findings.keep_open(finding, details=left.details, tried=outcome)


def _money_first(finding: ReconciliationFinding, *, resolve: bool, at: dt.datetime) -> None:
    """Of two intents that name one charge, the one that was paid has to become the charge's own."""
    paid = ReconciliationFinding.objects.filter(
        charge=finding.charge_id, kind=finding.kind, problem=Problem.STATUS_DIFFERS, look_again=True
    )
    for other in paid.exclude(pk=finding.pk)[:2]:
        look_again(finding=other, resolve=resolve, at=at)


def _still(finding: ReconciliationFinding, *, at: dt.datetime) -> Difference | None:
    """The finding's difference as it is now; other differences of the same object go on record beside it."""
    now = _differences(kind=finding.kind, stripe_id=finding.stripe_id)
    # Those on record are looked at in their own turn; were they recorded again, two would call each other up for ever.
    on_record = findings.unresolved_problems(kind=finding.kind, stripe_id=finding.stripe_id)
    findings.record(finding.run, [one for one in now if one.problem not in {finding.problem, *on_record}], at=at)
    return next((one for one in now if one.problem == finding.problem), None)


def _differences(*, kind: str, stripe_id: str) -> list[Difference]:
    there = listings.find(kind=kind, id=stripe_id)
    if there is not None:
        return comparisons.between(kind, [there])
    row = unseen.ours(kind=kind, stripe_id=stripe_id)
    return [unseen.missing_there(kind, row)] if row else []


def _remedied(difference: Difference, *, at: dt.datetime) -> str:
    """What was done, and what came of it."""
    try:
        return _REMEDIES[difference.remedy](difference, at)
    except PermanentError as error:
        return _in_vain(difference, error)
    except TransientError as error:
        if isinstance(error, ProviderError):
            raise
        # Somebody is at it for long, or a part of it is late: no reason to stop at this one.
        return _in_vain(difference, error)


def _in_vain(difference: Difference, error: Exception) -> str:
    logger.warning("The difference %s of %s stays: %s", difference.problem, difference.stripe_id, error)
    return f"Could not be resolved: {error}"[:500]


def _read(difference: Difference, at: dt.datetime) -> str:
    assert difference.charge_id is not None
    charge = Charge.objects.get(pk=difference.charge_id)
    after = read_payment(charge=charge, intent_id=difference.stripe_id, at=at)
    return f"Read again and believed: the charge was {charge.status}, and is {after.status}."


def _cancel(difference: Difference, at: dt.datetime) -> str:
    assert difference.charge_id is not None
    with session_lock(locks.charge_lock(difference.charge_id)):
        charge = Charge.objects.get(pk=difference.charge_id)
        if charge.payment_intent_id == difference.stripe_id and charge.status != Charge.Status.CANCELED:
            return "Left alone: the charge needs this intent by now."
        try:
            payment_intents.cancel(payment_intent_id=difference.stripe_id)
        except IntentStateChanged:
            return "Not canceled: it was paid or closed meanwhile."
    return "Canceled at Stripe: nobody can pay by it any more."


def _tell(difference: Difference, at: dt.datetime) -> str:
    outcome = EVENT_PROCESSORS[ReconciliationKind(difference.kind)](
        {
            "id": difference.stripe_id,
            "payment_intent": difference.payment_intent_id,
            "charge": difference.stripe_charge_id,
        },
        at=at,
    )
    return f"Dealt with as if Stripe had told of it now: {outcome}"[:500]


_REMEDIES: Mapping[Remedy, Callable[[Difference, dt.datetime], str]] = {
    Remedy.READ: _read,
    Remedy.CANCEL: _cancel,
    Remedy.TELL: _tell,
}
