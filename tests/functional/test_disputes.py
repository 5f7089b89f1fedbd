"""Disputes and inquiries from their opening to their end, over real webhooks, and what staff see in the admin."""

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
def stripe(stripe_sandbox: StripeSandbox, live_server: Any) -> StripeSandbox:
    """A sandbox that sends each webhook twice and in random order to the shop."""
    stripe_sandbox.webhooks_to(f"{live_server.url}/webhooks/stripe/")
    stripe_sandbox.faults({"kind": "webhook_duplicate"}, {"kind": "webhook_reorder", "window_ms": 100})
    return stripe_sandbox


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com"))
    return client


def paid_order(card: str, *, policy: str = "pause") -> Order:
    order: Order = place_order(payment_method=card)
    Plan.objects.filter(pk=order.subscription.plan_id).update(dispute_policy=policy)
    capture(order)
    start_fulfillments()
    return order


def work(sandbox: StripeSandbox) -> None:
    """Wait for all webhooks, then process every message twice, in random order."""
    wait_for(sandbox.idle, what="Stripe has delivered its webhooks")
    for row in OutboxMessage.objects.filter(task=TASK).order_by("?"):
        current_app.tasks[TASK](**row.kwargs)
        current_app.tasks[TASK](**row.kwargs)
        row.delete()
    assert not WebhookEvent.objects.filter(processed_at=None).exists()
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []


def dispute_list(staff: Client) -> str:
    return str(staff.get("/admin/charges/dispute/").content.decode())


def status_of(order: Order) -> str:
    return Subscription.objects.get(pk=order.subscription_id).status


def test_a_won_dispute_resumes_the_subscription(stripe: StripeSandbox, staff: Client) -> None:
    order = paid_order("pm_card_createDispute")
    work(stripe)
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.funds, status_of(order)) == ("needs_response", "withdrawn", "paused")
    page = dispute_list(staff)
    assert "Submit evidence in the Stripe dashboard by" in page
    assert dispute.stripe_id in page

    stripe.move_dispute(dispute.stripe_id, "updated", status="under_review")
    work(stripe)
    assert status_of(order) == "paused"
    assert "Wait for the bank&#x27;s decision." in dispute_list(staff)

    stripe.move_dispute(dispute.stripe_id, "closed", status="won")
    work(stripe)
    dispute.refresh_from_db()
    assert (dispute.status, dispute.funds, status_of(order)) == ("won", "reinstated", "active")
    assert "Won. Nothing to do." in dispute_list(staff)
    order.refresh_from_db()
    assert (order.status, published()["OrderPaid"]) == ("paid", 1)


def test_a_lost_dispute_leaves_the_subscription_paused(stripe: StripeSandbox, staff: Client) -> None:
    order = paid_order("pm_card_createDispute")
    work(stripe)
    stripe.move_dispute(Dispute.objects.get().stripe_id, "closed", status="lost")
    work(stripe)

    assert (Dispute.objects.get().funds, status_of(order)) == ("withdrawn", "paused")
    assert "Lost: the amount and the fee are not paid back. The subscription is paused" in dispute_list(staff)


def test_a_plan_can_cancel_the_subscription_on_its_first_dispute(stripe: StripeSandbox, staff: Client) -> None:
    order = paid_order("pm_card_createDispute", policy="cancel")
    work(stripe)
    assert (status_of(order), published()["SubscriptionCanceled"]) == ("canceled", 1)

    stripe.move_dispute(Dispute.objects.get().stripe_id, "closed", status="won")
    work(stripe)

    assert (status_of(order), published()["SubscriptionCanceled"]) == ("canceled", 1)
    assert "The subscription stays canceled." in dispute_list(staff)


def test_an_answered_inquiry_changes_nothing(stripe: StripeSandbox, staff: Client) -> None:
    order = paid_order("pm_card_createDisputeInquiry")
    work(stripe)
    dispute = Dispute.objects.get()
    assert (dispute.is_inquiry, dispute.funds, status_of(order)) == (True, "not_taken", "active")
    assert "No money is withdrawn yet." in dispute_list(staff)

    stripe.move_dispute(dispute.stripe_id, "closed", status="warning_closed")
    work(stripe)

    dispute.refresh_from_db()
    assert (dispute.status, status_of(order)) == ("warning_closed", "active")
    assert "Nothing to do: the bank has closed its inquiry." in dispute_list(staff)


def test_an_inquiry_can_become_a_chargeback(stripe: StripeSandbox) -> None:
    order = paid_order("pm_card_createDisputeInquiry")
    work(stripe)
    dispute_id = Dispute.objects.get().stripe_id
    stripe.move_dispute(dispute_id, "updated", status="needs_response")
    stripe.move_dispute(dispute_id, "funds_withdrawn")
    work(stripe)

    dispute = Dispute.objects.get()
    assert (dispute.is_inquiry, dispute.funds, dispute.policy_applied) == (False, "withdrawn", "pause")
    assert status_of(order) == "paused"


def test_a_dispute_can_come_weeks_after_the_payment(stripe: StripeSandbox) -> None:
    order = paid_order("pm_card_visa")
    work(stripe)
    stripe.pass_time(40 * 86_400)
    stripe.dispute(str(Charge.objects.get().payment_intent_id), reason="product_not_received", amount=500)
    work(stripe)

    dispute = Dispute.objects.get()
    assert (dispute.reason, dispute.amount, status_of(order)) == ("product_not_received", 500, "paused")


def test_a_dispute_about_a_payment_of_another_system_is_ignored(stripe: StripeSandbox) -> None:
    intent = stripe.api(
        "POST",
        "/v1/payment_intents",
        amount="500",
        currency="eur",
        payment_method="pm_card_createDispute",
        confirm="true",
        **{"allowed_payment_method_types[0]": "card"},
    )
    work(stripe)

    assert intent["status"] == "succeeded"
    assert not Dispute.objects.exists()
    disputes = WebhookEvent.objects.filter(type__startswith="charge.dispute.")
    assert set(disputes.values_list("outcome", flat=True)) == {"ignored: not about one of our payments"}
