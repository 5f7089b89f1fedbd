"""A payment is called into question, from the bank's letter to its decision, over real webhooks; and what staff see."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from django.test import Client

from charges.models import Charge, Dispute
from charges.operations import ledger
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from orders.models import Order
from subscriptions.models import Plan, Subscription, User
from tests.support.deliveries import capture, published, start_fulfillments
from tests.support.factories import place_order
from tests.support.processes import wait_for
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "charges.process_webhook"


@pytest.fixture
def told(stripe_sandbox: StripeSandbox, live_server: Any) -> StripeSandbox:
    """A Stripe that knows the address of our webhook, and tells everything twice and out of order."""
    stripe_sandbox.webhooks_to(f"{live_server.url}/webhooks/stripe/")
    stripe_sandbox.faults({"kind": "webhook_duplicate"}, {"kind": "webhook_reorder", "window_ms": 100})
    return stripe_sandbox


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com"))
    return client


def bought(card: str, *, policy: str = "pause") -> Order:
    order: Order = place_order(payment_method=card)
    Plan.objects.filter(pk=order.subscription.plan_id).update(dispute_policy=policy)
    capture(order)
    start_fulfillments()
    return order


def work(sandbox: StripeSandbox) -> None:
    """Once everything is delivered: every message, each twice, in any order."""
    wait_for(sandbox.idle, what="Stripe has delivered its webhooks")
    for row in OutboxMessage.objects.filter(task=TASK).order_by("?"):
        current_app.tasks[TASK](**row.kwargs)
        current_app.tasks[TASK](**row.kwargs)
        row.delete()
    assert not WebhookEvent.objects.filter(processed_at=None).exists()
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []


def seen(staff: Client) -> str:
    return str(staff.get("/admin/charges/dispute/").content.decode())


def status_of(order: Order) -> str:
    return Subscription.objects.get(pk=order.subscription_id).status


def test_a_dispute_that_is_won(told: StripeSandbox, staff: Client) -> None:
    order = bought("pm_card_createDispute")
    work(told)
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.funds, status_of(order)) == ("needs_response", "withdrawn", "paused")
    page = seen(staff)
    assert "Send evidence at Stripe until" in page
    assert dispute.stripe_id in page

    told.move_dispute(dispute.stripe_id, "updated", status="under_review")
    work(told)
    assert status_of(order) == "paused"
    assert "Wait: the bank decides." in seen(staff)

    told.move_dispute(dispute.stripe_id, "closed", status="won")
    work(told)
    dispute.refresh_from_db()
    assert (dispute.status, dispute.funds, status_of(order)) == ("won", "reinstated", "active")
    assert "Won: nothing to do." in seen(staff)
    order.refresh_from_db()
    assert (order.status, published()["OrderPaid"]) == ("paid", 1)


def test_a_dispute_that_is_lost(told: StripeSandbox, staff: Client) -> None:
    order = bought("pm_card_createDispute")
    work(told)
    told.move_dispute(Dispute.objects.get().stripe_id, "closed", status="lost")
    work(told)

    assert (Dispute.objects.get().funds, status_of(order)) == ("withdrawn", "paused")
    assert "Lost: the money and the fee are gone; the subscription is paused: decide whether it ends." in seen(staff)


def test_a_plan_that_ends_with_its_first_dispute(told: StripeSandbox, staff: Client) -> None:
    order = bought("pm_card_createDispute", policy="cancel")
    work(told)
    assert (status_of(order), published()["SubscriptionCanceled"]) == ("canceled", 1)

    told.move_dispute(Dispute.objects.get().stripe_id, "closed", status="won")
    work(told)

    assert (status_of(order), published()["SubscriptionCanceled"]) == ("canceled", 1)
    assert "the subscription stays canceled" in seen(staff)


def test_an_inquiry_that_is_answered(told: StripeSandbox, staff: Client) -> None:
    order = bought("pm_card_createDisputeInquiry")
    work(told)
    dispute = Dispute.objects.get()
    assert (dispute.is_inquiry, dispute.funds, status_of(order)) == (True, "not_taken", "active")
    assert "no money is taken yet" in seen(staff)

    told.move_dispute(dispute.stripe_id, "closed", status="warning_closed")
    work(told)

    dispute.refresh_from_db()
    assert (dispute.status, status_of(order)) == ("warning_closed", "active")
    assert "Nothing to do: it was only a question." in seen(staff)


def test_an_inquiry_that_turns_into_a_chargeback(told: StripeSandbox) -> None:
    order = bought("pm_card_createDisputeInquiry")
    work(told)
    dispute_id = Dispute.objects.get().stripe_id
    told.move_dispute(dispute_id, "updated", status="needs_response")
    told.move_dispute(dispute_id, "funds_withdrawn")
    work(told)

    dispute = Dispute.objects.get()
    assert (dispute.is_inquiry, dispute.funds, dispute.policy_applied) == (False, "withdrawn", "pause")
    assert status_of(order) == "paused"


def test_a_dispute_weeks_after_the_payment(told: StripeSandbox) -> None:
    order = bought("pm_card_visa")
    work(told)
    told.pass_time(40 * 86_400)
    told.dispute(str(Charge.objects.get().payment_intent_id), reason="product_not_received", amount=500)
    work(told)

    dispute = Dispute.objects.get()
    assert (dispute.reason, dispute.amount, status_of(order)) == ("product_not_received", 500, "paused")


def test_a_dispute_at_the_same_account_that_is_none_of_ours(told: StripeSandbox) -> None:
    made = told.api(
        "POST",
        "/v1/payment_intents",
        amount="500",
        currency="eur",
        payment_method="pm_card_createDispute",
        confirm="true",
        **{"allowed_payment_method_types[0]": "card"},
    )
    work(told)

    assert made["status"] == "succeeded"
    assert not Dispute.objects.exists()
    disputes = WebhookEvent.objects.filter(type__startswith="charge.dispute.")
    assert set(disputes.values_list("outcome", flat=True)) == {"ignored: not about one of our payments"}
