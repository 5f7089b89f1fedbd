"""Check one finding again: does the difference still exist, and can it be resolved without a person?

Stripe's lists may be a moment old while payments continue. So a difference counts only after both sides were read
again, and a finding is resolved only after another reading shows that both sides agree.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping

from charges.models import Charge, ReconciliationFinding, ReconciliationKind
from charges.operations import locks
from charges.operations.payments.reading import read_payment
from charges.operations.reconciliation import comparisons, findings, unseen
from charges.operations.reconciliation.differences import Difference, Problem, Remedy
from charges.operations.stripe_events.disputes import process_dispute_event
from charges.operations.stripe_events.refunds import process_refund_event
from integrations.errors import PermanentError, ProviderError, TransientError
from integrations.locks import session_lock
from integrations.stripe import listings, payment_intents
from integrations.stripe.errors import IntentStateChanged

logger = logging.getLogger(__name__)

# The functions that process the events about these objects.
EVENT_PROCESSORS = {
    ReconciliationKind.REFUND: process_refund_event,
    ReconciliationKind.DISPUTE: process_dispute_event,
}


def check_again(*, finding: ReconciliationFinding, resolve: bool, at: dt.datetime) -> None:
    """Read both sides of a finding. Close it if they agree; resolve it if that is safe and ``resolve`` allows it.

    Otherwise it stays open. Raises ``ProviderUnavailable``, ``ProviderThrottled`` and ``ProviderUnclear`` if Stripe
    cannot be read.
    """
    try:
        _check(finding, resolve=resolve, at=at)
    except PermanentError as error:
        # An unreadable finding must not stop the run.
        findings.keep_open(finding, details=finding.details, resolution=f"Could not be checked: {error}"[:500])


def _check(finding: ReconciliationFinding, *, resolve: bool, at: dt.datetime) -> None:
    if finding.problem == Problem.NOT_LINKED:
        _check_paid_intents_first(finding, resolve=resolve, at=at)
    difference = _current_difference(finding, at=at)
    if difference is None:
        findings.close(finding, resolution=findings.GONE, at=at)
    elif not resolve or difference.remedy is Remedy.NONE:
        findings.keep_open(finding, details=difference.details)
    else:
        outcome = _resolve(difference, at=at)
        left = _current_difference(finding, at=at)
        if left is None:
            findings.close(finding, resolution=outcome, at=at)
        else:
            findings.keep_open(finding, details=left.details, resolution=outcome)


def _check_paid_intents_first(finding: ReconciliationFinding, *, resolve: bool, at: dt.datetime) -> None:
    """If two intents name one charge, the paid one must become the charge's own intent."""
    paid = ReconciliationFinding.objects.filter(
        charge=finding.charge_id, kind=finding.kind, problem=Problem.STATUS_DIFFERS, check_again=True
    )
    for other in paid.exclude(pk=finding.pk)[:2]:
        check_again(finding=other, resolve=resolve, at=at)


def _current_difference(finding: ReconciliationFinding, *, at: dt.datetime) -> Difference | None:
    """The finding's difference as it is now. Other differences of the same object are recorded, too."""
    now = _differences(kind=finding.kind, stripe_id=finding.stripe_id)
    # Do not record known findings again: each is checked in its turn, and two of them would reopen each other for ever.
    on_record = findings.unresolved_problems(kind=finding.kind, stripe_id=finding.stripe_id)
    findings.record(finding.run, [found for found in now if found.problem not in {finding.problem, *on_record}], at=at)
    return next((found for found in now if found.problem == finding.problem), None)


def _differences(*, kind: str, stripe_id: str) -> list[Difference]:
    there = listings.find(kind=kind, id=stripe_id)
    if there is not None:
        return comparisons.between(kind, [there])
    row = unseen.own_row(kind=kind, stripe_id=stripe_id)
    return [unseen.missing_at_stripe(kind, row)] if row else []


def _resolve(difference: Difference, *, at: dt.datetime) -> str:
    """Resolve the difference, and return what was done for the finding."""
    try:
        return _RESOLVERS[difference.remedy](difference, at)
    except PermanentError as error:
        return _not_resolved(difference, error)
    except TransientError as error:
        if isinstance(error, ProviderError):
            raise
        # Another worker holds the charge, or an event is late. This must not stop the run.
        return _not_resolved(difference, error)


def _not_resolved(difference: Difference, error: Exception) -> str:
    logger.warning("The difference %s of %s remains: %s", difference.problem, difference.stripe_id, error)
    return f"Could not be resolved: {error}"[:500]


def _read(difference: Difference, at: dt.datetime) -> str:
    assert difference.charge_id is not None
    charge = Charge.objects.get(pk=difference.charge_id)
    after = read_payment(charge=charge, intent_id=difference.stripe_id, at=at)
    return f"Read at Stripe and settled: the charge was {charge.status}, and is {after.status} now."


def _cancel(difference: Difference, at: dt.datetime) -> str:
    assert difference.charge_id is not None
    with session_lock(locks.charge_lock(difference.charge_id)):
        charge = Charge.objects.get(pk=difference.charge_id)
        if charge.payment_intent_id == difference.stripe_id and charge.status != Charge.Status.CANCELED:
            return "Not canceled: the charge uses this intent now."
        try:
            payment_intents.cancel(payment_intent_id=difference.stripe_id)
        except IntentStateChanged:
            return "Not canceled: it was paid or canceled meanwhile."
    return "Canceled at Stripe: it cannot be paid any more."


def _process_as_event(difference: Difference, at: dt.datetime) -> str:
    outcome = EVENT_PROCESSORS[ReconciliationKind(difference.kind)](
        {
            "id": difference.stripe_id,
            "payment_intent": difference.payment_intent_id,
            "charge": difference.stripe_charge_id,
        },
        at=at,
    )
    return f"Processed like an event: {outcome}"[:500]


_RESOLVERS: Mapping[Remedy, Callable[[Difference, dt.datetime], str]] = {
    Remedy.READ: _read,
    Remedy.CANCEL: _cancel,
    Remedy.PROCESS: _process_as_event,
}
