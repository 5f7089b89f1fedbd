"""Refunds from the API through the queue, Stripe and its webhooks to the status of the order."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Permission
from django.test import Client

from charges.models import Charge, Refund
from charges.operations import ledger
from integrations.errors import ProviderUnclear
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from subscriptions.models import User
from tests.support.deliveries import published
from tests.support.processes import wait_for
from tests.support.refunds import refund_in_dashboard, refund_state, refunds_at_stripe
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


class BackOffice:
    """A support agent with a browser, and the shop's ChargesQueue. The sandbox sends each webhook twice."""

    def __init__(self, sandbox: StripeSandbox) -> None:
        self.sandbox = sandbox
        self.http = Client()
        agent = User.objects.create_user("agent@example.com", is_staff=True)
        agent.user_permissions.set(Permission.objects.filter(codename__in=["add_refund", "view_refund"]))
        self.http.force_login(agent)

    def sell(self, payment_method: str = "pm_card_visa") -> Any:
        body = {
            "plan": "coffee-monthly",
            "payment_method": payment_method,
            "customer": {"email": "ada@example.com", "name": "Ada"},
            "shipping_address": {"line1": "Byron Road 1", "city": "London", "country": "GB"},
        }
        response = Client().post(
            "/api/v1/checkout/", body, content_type="application/json", headers={"Idempotency-Key": "buy"}
        )
        assert response.status_code == 201, response.content
        self.work()
        charge = Charge.objects.get(order__number=response.json()["order"]["number"])
        assert refund_state(charge) == (0, "paid", [])
        return charge

    def refund(self, charge: Any, *, key: str = "k1", **fields: Any) -> str:
        response = self.http.post(
            "/api/v1/refunds/",
            {"order": charge.order.number, **fields},
            content_type="application/json",
            headers={"Idempotency-Key": key},
        )
        assert response.status_code == 201, response.content
        return str(response.json()["id"])

    def status(self, refund_id: str) -> str:
        return str(self.http.get(f"/api/v1/refunds/{refund_id}/").json()["status"])

    def work(self) -> None:
        """Process every message of the ChargesQueue twice, in random order, until none is left."""
        wait_for(self.sandbox.idle, what="Stripe has delivered its webhooks")
        while rows := list(OutboxMessage.objects.filter(queue="ChargesQueue").order_by("?")):
            for row in rows:
                self._deliver(row)
                self._deliver(row)
                row.delete()
            wait_for(self.sandbox.idle, what="Stripe has delivered its webhooks")

    def _deliver(self, row: OutboxMessage) -> None:
        for _ in range(3):
            try:
                current_app.tasks[row.task](**row.kwargs)
            except ProviderUnclear:
                continue
            return
        pytest.fail(f"{row.task} failed three times")


@pytest.fixture
def office(stripe_sandbox: StripeSandbox, live_server: Any, coffee: Any) -> BackOffice:
    stripe_sandbox.faults({"kind": "webhook_duplicate"}, {"kind": "webhook_reorder", "window_ms": 50})
    stripe_sandbox.webhooks_to(f"{live_server.url}/webhooks/stripe/")
    return BackOffice(stripe_sandbox)


def assert_ledger_holds() -> None:
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []
    assert not WebhookEvent.objects.filter(processed_at=None).exists()


def test_a_full_refund_refunds_the_order(office: BackOffice) -> None:
    charge = office.sell()
    refund = office.refund(charge, reason="requested_by_customer")
    assert office.status(refund) == "pending"

    office.work()

    assert office.status(refund) == "succeeded"
    assert (refund_state(charge), refunds_at_stripe(office.sandbox)) == (
        (1290, "refunded", ["succeeded"]),
        [(1290, "succeeded")],
    )
    assert published()["RefundSucceeded"] == 1
    assert_ledger_holds()


def test_a_partial_refund_is_followed_by_the_rest(office: BackOffice) -> None:
    charge = office.sell()
    office.refund(charge, amount=290)
    office.refund(charge, amount=290)  # the agent clicks twice
    office.work()
    assert refund_state(charge) == (290, "partially_refunded", ["succeeded"])
    office.refund(charge, key="k2")
    office.work()
    assert refund_state(charge) == (1290, "refunded", ["succeeded", "succeeded"])
    listed = office.http.get("/api/v1/refunds/", {"order": charge.order.number}).json()
    assert [refund["amount"] for refund in listed["results"]] == [1000, 290]
    assert_ledger_holds()


def test_a_pending_refund_succeeds_days_later(office: BackOffice) -> None:
    charge = office.sell("pm_card_pendingRefund")
    refund = office.refund(charge)
    office.work()
    assert (office.status(refund), refund_state(charge)[1]) == ("pending", "paid")

    office.sandbox.settle_refund(Refund.objects.get().stripe_id or "", "succeed")
    office.work()

    assert (office.status(refund), refund_state(charge)[1]) == ("succeeded", "refunded")
    assert published()["RefundSucceeded"] == 1
    assert_ledger_holds()


def test_a_returned_refund_can_be_requested_again(office: BackOffice) -> None:
    charge = office.sell()
    refund = office.refund(charge)
    office.work()
    office.sandbox.pass_time(5 * 24 * 3600)
    office.sandbox.settle_refund(Refund.objects.get().stripe_id or "", "fail")
    office.work()

    assert office.status(refund) == "failed"
    assert refund_state(charge) == (0, "paid", ["failed"])
    assert (published()["RefundSucceeded"], published()["RefundFailed"]) == (1, 1)
    office.refund(charge, key="k2")
    office.work()
    assert refund_state(charge) == (1290, "refunded", ["failed", "succeeded"])
    assert_ledger_holds()


@pytest.mark.parametrize("kind", ["drop_after_effect", "error_after_effect", "non_json"])
def test_a_lost_response_does_not_refund_twice(office: BackOffice, kind: str) -> None:
    charge = office.sell()
    refund = office.refund(charge)
    office.sandbox.faults({"method": "POST", "path": "/v1/refunds", "kind": kind, "times": 2})

    office.work()

    assert (office.status(refund), refunds_at_stripe(office.sandbox)) == ("succeeded", [(1290, "succeeded")])
    assert published()["RefundSucceeded"] == 1
    assert_ledger_holds()


def test_a_refund_in_the_stripe_dashboard_is_recorded(office: BackOffice) -> None:
    charge = office.sell()
    refund_in_dashboard(office.sandbox, charge, 290)
    office.work()
    assert refund_state(charge) == (290, "partially_refunded", ["succeeded"])
    refund = office.refund(charge)
    office.work()
    assert (office.status(refund), refund_state(charge)[:2]) == ("succeeded", (1290, "refunded"))
    assert_ledger_holds()


def test_only_one_of_two_refunds_in_the_shop_and_the_dashboard_succeeds(office: BackOffice) -> None:
    """The shop requests a refund before it receives the webhook of the dashboard's. Stripe rejects the second one."""
    charge = office.sell()
    refund = office.refund(charge, amount=1000)
    office.sandbox.webhooks_to("")
    refund_in_dashboard(office.sandbox, charge, 500)
    office.work()
    assert (office.status(refund), Refund.objects.get().failure_code) == ("failed", "amount_too_large")

    event = next(event for event in office.sandbox.objects("events") if event["type"] == "refund.created")
    stored = WebhookEvent.objects.create(provider="stripe", event_id=event["id"], type=event["type"], payload=event)
    current_app.tasks["charges.process_webhook"](webhook_event_id=str(stored.pk))

    assert refund_state(charge) == (500, "partially_refunded", ["failed", "succeeded"])
    assert_ledger_holds()


def test_the_admin_shows_why_stripe_rejected_a_refund(office: BackOffice) -> None:
    charge = office.sell()
    office.sandbox.webhooks_to("")
    refund_in_dashboard(office.sandbox, charge, 1290)
    office.refund(charge)
    office.work()
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@example.com"))

    page = browser.get("/admin/charges/refund/").content.decode()

    assert "charge_already_refunded" in page
    assert charge.order.number in page
    assert refund_state(charge) == (0, "paid", ["failed"])
    assert published()["RefundFailed"] == 0, "the customer has not read about a refund"
