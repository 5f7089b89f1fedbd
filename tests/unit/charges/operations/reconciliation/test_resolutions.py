"""One finding is checked again: both sides are read, and it closes only if they agree."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import Charge, ReconciliationFinding, ReconciliationRun, Refund
from charges.operations.locks import charge_lock
from charges.operations.reconciliation import resolutions
from integrations.errors import ProviderUnclear
from integrations.locks import session_lock
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import capture
from tests.support.factories import SOFT, make_charge, paid_charge, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def finding(charge: Charge | None, stripe_id: str, **fields: Any) -> ReconciliationFinding:
    values = {"kind": "intent", "problem": "status_differs", "details": "as found", "made_at": NOW, **fields}
    run = ReconciliationRun.objects.create(since=NOW - dt.timedelta(days=1), until=NOW, started_at=NOW)
    return ReconciliationFinding.objects.create(
        run=run, charge=charge, stripe_id=stripe_id, next_step="Look.", first_seen_at=NOW, last_seen_at=NOW, **values
    )


def check(found: ReconciliationFinding, *, resolve: bool = True) -> str:
    resolutions.check_again(finding=found, resolve=resolve, at=NOW)
    found.refresh_from_db()
    assert not found.check_again
    return found.status


def unheard(sandbox: StripeSandbox) -> Charge:
    """A charge that was paid at Stripe. The response was lost."""
    sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    with pytest.raises(ProviderUnclear):
        capture(place_order())
    return Charge.objects.get()


def test_a_difference_that_is_gone_is_closed(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    found = finding(charge, charge.payment_intent_id)
    assert check(found) == "resolved"
    assert (found.resolved_at, found.resolved_by) == (NOW, None)


@pytest.mark.parametrize(
    ("resolve", "status", "charge_status"), [(True, "resolved", "succeeded"), (False, "open", "pending")]
)
def test_a_lost_outcome_is_settled_only_if_the_run_may_resolve(
    stripe_sandbox: StripeSandbox, resolve: bool, status: str, charge_status: str
) -> None:
    charge = unheard(stripe_sandbox)
    found = finding(charge, str(charge.payment_intent_id))
    assert check(found, resolve=resolve) == status
    charge.refresh_from_db()
    assert charge.status == charge_status


def test_a_difference_that_needs_a_person_stays_open_with_its_current_details(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    Charge.objects.update(amount=999)
    found = finding(charge, charge.payment_intent_id, problem="amount_differs")
    assert check(found) == "open"
    assert "12.90 EUR" in found.details and "9.99 EUR" in found.details


def second_intent(sandbox: StripeSandbox, charge: Charge) -> str:
    form = {"amount": "1290", "currency": "eur", "metadata[charge]": str(charge.pk)}
    return str(sandbox.api("POST", "/v1/payment_intents", **form)["id"])


def test_a_second_intent_is_canceled(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    intent_id = second_intent(stripe_sandbox, charge)
    assert check(finding(charge, intent_id, problem="second_intent")) == "resolved"
    assert stripe_sandbox.api("GET", f"/v1/payment_intents/{intent_id}")["status"] == "canceled"


def test_a_charge_that_another_worker_holds_does_not_stop_the_run(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = paid_charge()
    found = finding(charge, second_intent(stripe_sandbox, charge), problem="second_intent")
    impatient = lambda name: session_lock(name, wait_seconds=0.05)  # noqa: E731
    monkeypatch.setattr(resolutions, "session_lock", impatient)
    with session_lock(charge_lock(charge.pk)):
        assert at_once(lambda: check(found)) == ["open"]
    found.refresh_from_db()
    assert found.resolution != ""


def test_a_refund_that_was_made_in_the_dashboard_is_recorded(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    made = stripe_sandbox.api("POST", "/v1/refunds", payment_intent=charge.payment_intent_id, amount="500")
    found = finding(charge, made["id"], kind="refund", problem="missing_here")
    assert check(found) == "resolved"
    assert Refund.objects.get().stripe_id == made["id"]


def test_a_row_that_stripe_does_not_know_stays_open(stripe_sandbox: StripeSandbox) -> None:
    charge = make_charge(payment_intent_id="pi_gone")
    assert check(finding(charge, "pi_gone", problem="missing_there")) == "open"


def test_other_differences_of_the_same_object_are_recorded_once(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method=SOFT)
    capture(order)
    charge = Charge.objects.get()
    Charge.objects.update(amount=999, status="processing")
    found = finding(charge, str(charge.payment_intent_id), problem="amount_differs")
    check(found)
    check(found)
    problems = sorted(ReconciliationFinding.objects.values_list("problem", "status"))
    assert problems == [("amount_differs", "open"), ("status_differs", "suspected")]


def test_a_stripe_that_cannot_be_read_leaves_the_finding_to_check_again(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    found = finding(charge, charge.payment_intent_id)
    stripe_sandbox.faults({"method": "GET", "kind": "drop"})
    with pytest.raises(ProviderUnclear):
        resolutions.check_again(finding=found, resolve=True, at=NOW)
    found.refresh_from_db()
    assert (found.status, found.check_again) == ("suspected", True)
