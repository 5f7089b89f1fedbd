"""Refunds and disputes that Stripe knows and we do not, that we know and Stripe does not, or of which both say
something else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from charges.models import Charge, Dispute, ReconciliationFinding, ReconciliationRun, Refund
from charges.operations.reconciliation import runs
from tests.support.days import NOW
from tests.support.deliveries import capture
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

SINCE = timezone.now() - dt.timedelta(hours=1)


def reconcile(*, resolve: bool = True) -> ReconciliationRun:
    at = timezone.now() + dt.timedelta(hours=1)
    run = runs.begin(since=SINCE, until=None, resolve=resolve, at=at)
    return runs.complete(run_id=run.pk, at=at)


def found() -> list[tuple[str, str, str]]:
    return list(ReconciliationFinding.objects.order_by("pk").values_list("kind", "problem", "status"))


def paid(card: str = "pm_card_visa") -> Charge:
    order = place_order(payment_method=card)
    capture(order)
    return Charge.objects.get(order=order)


def refunded_at_stripe(sandbox: StripeSandbox, charge: Charge, amount: int = 500) -> str:
    """Somebody refunds in Stripe's dashboard."""
    made = sandbox.api("POST", "/v1/refunds", payment_intent=str(charge.payment_intent_id), amount=str(amount))
    return str(made["id"])


def refund_here(charge: Charge, stripe_id: str, **fields: Any) -> Refund:
    values = {"amount": 500, "status": "succeeded", "succeeded_at": NOW, "origin": "staff", **fields}
    refund = Refund.objects.create(charge=charge, stripe_id=stripe_id, **values)
    if refund.status in Refund.COUNTED:
        Charge.objects.filter(pk=charge.pk).update(amount_refunded=refund.amount)
    return refund


def test_a_refund_made_in_the_dashboard_is_recorded(stripe_sandbox: StripeSandbox) -> None:
    refund_id = refunded_at_stripe(stripe_sandbox, paid())

    run = reconcile()

    refund = Refund.objects.get(stripe_id=refund_id)
    assert (refund.amount, refund.status) == (500, "succeeded")
    assert found() == [("refund", "missing_here", "resolved")]
    assert (run.counts["refund"], run.open) == (1, 0)


def test_a_refund_without_an_event_is_settled(stripe_sandbox: StripeSandbox) -> None:
    charge = paid()
    refund = refund_here(charge, refunded_at_stripe(stripe_sandbox, charge), status="pending", succeeded_at=None)

    reconcile()

    refund.refresh_from_db()
    assert (refund.status, found()) == ("succeeded", [("refund", "status_differs", "resolved")])


def test_without_resolving_no_refund_is_touched(stripe_sandbox: StripeSandbox) -> None:
    refunded_at_stripe(stripe_sandbox, paid())
    assert reconcile(resolve=False).open == 1
    assert not Refund.objects.exists()


def test_a_refund_that_agrees(stripe_sandbox: StripeSandbox) -> None:
    charge = paid()
    refund_here(charge, refunded_at_stripe(stripe_sandbox, charge))
    waiting = paid("pm_card_pendingRefund")
    refund_here(waiting, refunded_at_stripe(stripe_sandbox, waiting), status="pending", succeeded_at=None)
    assert (reconcile().counts["refund"], found()) == (2, [])


def test_a_refund_with_another_outcome_here_is_listed(stripe_sandbox: StripeSandbox) -> None:
    charge = paid()
    failed = {"status": "failed", "failed_at": NOW, "succeeded_at": None}
    refund_here(charge, refunded_at_stripe(stripe_sandbox, charge), **failed)

    run = reconcile()

    assert (found(), run.open) == ([("refund", "status_differs", "open")], 1)
    assert "Open the refund" in ReconciliationFinding.objects.get().next_step


def test_a_refund_with_another_amount_is_listed(stripe_sandbox: StripeSandbox) -> None:
    charge = paid()
    refund_here(charge, refunded_at_stripe(stripe_sandbox, charge), amount=400)
    reconcile(resolve=False)
    assert found() == [("refund", "amount_differs", "open")]
    details = ReconciliationFinding.objects.get().details
    assert details == "Stripe: succeeded 5.00 EUR; here: succeeded 4.00 EUR"


def test_a_refund_that_stripe_does_not_know_is_listed(stripe_sandbox: StripeSandbox) -> None:
    refund_here(paid(), "re_gone")
    reconcile()
    reconcile()
    assert found() == [("refund", "missing_there", "open")]
    assert "has not got the money" in ReconciliationFinding.objects.get().next_step


def test_refunds_of_foreign_payments_are_ignored(stripe_sandbox: StripeSandbox) -> None:
    other = stripe_sandbox.api(
        "POST",
        "/v1/payment_intents",
        amount="1290",
        currency="eur",
        payment_method="pm_card_createDispute",
        confirm="true",
        return_url="https://elsewhere.example",
    )
    stripe_sandbox.api("POST", "/v1/payment_intents", amount="1290", currency="eur")
    assert other["status"] == "succeeded"
    reconcile()
    assert found() == [("intent", "missing_here", "open")]


def test_a_dispute_without_an_event_is_followed(stripe_sandbox: StripeSandbox) -> None:
    paid("pm_card_createDispute")
    [there] = stripe_sandbox.objects("disputes")

    run = reconcile()

    dispute = Dispute.objects.get(stripe_id=there["id"])
    assert (dispute.status, dispute.amount, dispute.currency) == ("needs_response", 1290, "EUR")
    assert (found(), run.open) == ([("dispute", "missing_here", "resolved")], 0)


def test_a_dispute_decided_without_an_event(stripe_sandbox: StripeSandbox) -> None:
    paid("pm_card_createDispute")
    reconcile()
    dispute = Dispute.objects.get()
    stripe_sandbox.http.post(
        f"/sandbox/stripe/disputes/{dispute.stripe_id}/closed", json={"status": "lost"}
    ).raise_for_status()

    reconcile()

    dispute.refresh_from_db()
    assert (dispute.status, dispute.closed_at is None) == ("lost", False)
    assert sorted(found()) == [("dispute", "missing_here", "resolved"), ("dispute", "status_differs", "resolved")]


def test_a_dispute_that_stripe_does_not_know_is_listed(stripe_sandbox: StripeSandbox) -> None:
    Dispute.objects.create(
        charge=paid(),
        stripe_id="du_gone",
        amount=1290,
        currency="EUR",
        status="needs_response",
        reason="fraudulent",
        is_inquiry=False,
        opened_at=timezone.now(),
    )
    reconcile()
    assert found() == [("dispute", "missing_there", "open")]
