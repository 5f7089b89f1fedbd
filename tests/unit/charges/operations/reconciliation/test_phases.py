"""The steps of a run: each is committed with the place where the next one begins, and done by one worker."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from charges.models import ReconciliationFinding, ReconciliationRun, SeenAtStripe
from charges.operations.reconciliation import phases
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = dt.timedelta(hours=1)
LATER = timezone.now() + dt.timedelta(days=1)
PHASES = [
    "intents", "refunds", "disputes", "our_charges", "our_refunds", "our_disputes", "earlier", "checking_again", "done",
]  # fmt: skip


def run(**fields: Any) -> ReconciliationRun:
    values = {"since": timezone.now() - HOUR, "until": LATER, "started_at": LATER, **fields}
    return ReconciliationRun.objects.create(**values)


def step(current: ReconciliationRun) -> str:
    """Do one step, and return the phase in which the run is then."""
    phases.do_step(current, at=LATER)
    stored = ReconciliationRun.objects.get(pk=current.pk)
    assert (stored.phase, stored.cursor) == (current.phase, current.cursor)
    return stored.phase


def paid_elsewhere(sandbox: StripeSandbox) -> str:
    """A payment that the shop does not know."""
    form = {"amount": "100", "currency": "eur", "payment_method": "pm_card_visa"}
    intent_id = str(sandbox.api("POST", "/v1/payment_intents", **form)["id"])
    sandbox.api("POST", f"/v1/payment_intents/{intent_id}/confirm", return_url="https://shop.example")
    return intent_id


def test_a_run_goes_through_all_phases_once(stripe_sandbox: StripeSandbox) -> None:
    current = run()
    assert [current.phase, *(step(current) for _ in PHASES[1:])] == PHASES
    assert ReconciliationRun.objects.get().finished_at == LATER


def test_a_step_that_another_worker_did_is_rolled_back(stripe_sandbox: StripeSandbox) -> None:
    paid_elsewhere(stripe_sandbox)
    current = run()
    same = ReconciliationRun.objects.get(pk=current.pk)
    step(current)
    before = (ReconciliationFinding.objects.count(), SeenAtStripe.objects.count(), current.phase)
    with pytest.raises(phases.Overtaken):
        phases.do_step(same, at=LATER)
    stored = ReconciliationRun.objects.get()
    assert (ReconciliationFinding.objects.count(), SeenAtStripe.objects.count(), stored.phase) == before


@pytest.mark.parametrize(
    ("until", "found", "seen"),
    [(HOUR, 1, 1), (-dt.timedelta(minutes=5), 0, 1), (-dt.timedelta(minutes=30), 0, 0)],
    ids=["in the window", "a little after it", "long after it"],
)
def test_objects_a_little_after_the_window_are_seen_and_not_compared(
    stripe_sandbox: StripeSandbox, until: dt.timedelta, found: int, seen: int
) -> None:
    """Our row may be older than its object at Stripe. So it must not count as missing there."""
    paid_elsewhere(stripe_sandbox)
    current = run(until=timezone.now() + until)
    step(current)
    assert (ReconciliationFinding.objects.count(), SeenAtStripe.objects.count()) == (found, seen)
    assert current.counts == {"intent": found}


def test_the_last_step_counts_the_findings_and_deletes_the_seen_ids(stripe_sandbox: StripeSandbox) -> None:
    paid_elsewhere(stripe_sandbox)
    current = run()
    for _ in range(20):
        if step(current) == "done":
            break
    stored = ReconciliationRun.objects.get()
    assert (stored.phase, stored.found, stored.open, stored.resolved) == ("done", 1, 1, 0)
    assert not SeenAtStripe.objects.exists()
