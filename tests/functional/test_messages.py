"""From an event to the provider: the messages and contacts that Brevo and Dixa receive, task by task."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from typing import Any

import pytest
from celery import current_app
from django.db import transaction
from django.utils import timezone

from charges.events import (
    PaymentActionRequired,
    PaymentFailed,
)
from charges.models import Charge, ChargeAttempt
from integrations.outbox.events import publish
from integrations.outbox.models import OutboxMessage
from notifications.models import ContactSync, Notification
from orders.events import OrderPaid
from orders.models import Order
from orders.operations import payments
from orders.operations.locks import locked_order
from subscriptions.models import Customer
from tests.support.concurrency import at_once
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)  # session locks do not belong to a transaction

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
PREFIXES = ("emails.", "sms.", "brevo.", "dixa.")


def deliver(*, times: int = 1) -> list[str]:
    """Run the notification tasks of all messages in the outbox as workers do. Return their names."""
    rows = [row for row in OutboxMessage.objects.order_by("pk") if row.task.startswith(PREFIXES)]
    OutboxMessage.objects.all().delete()
    for row in rows:
        for _ in range(times):
            current_app.tasks[row.task](**row.kwargs)
    return [row.task for row in rows]


def test_a_purchase_sends_each_message_once_and_syncs_both_contacts(client, coffee, brevo_sandbox):
    body = {
        "plan": "coffee-monthly",
        "quantity": 2,
        "payment_method": "pm_card_visa",
        "customer": {
            "email": "ann@example.com",
            "name": "Ann Lee",
            "phone": "+4915112345678",
            "locale": "de",
            "marketing_consent": True,
            "sms_consent": True,
        },
    }
    response = client.post(
        "/api/v1/checkout/", body, content_type="application/json", headers={"Idempotency-Key": "k1"}
    )
    assert response.status_code == 201, response.content
    deliver(times=3)
    with transaction.atomic():
        payments.mark_paid(order=locked_order(order_id=Order.objects.get().pk), at=timezone.now())
    tasks = deliver(times=3)

    assert sorted(tasks) == ["brevo.sync_contact", "dixa.sync_end_user", "emails.welcome", "sms.order_paid"]
    assert [mail["tags"] for mail in brevo_sandbox.records("mails")] == [["welcome"], ["order_confirmation"]]
    assert all("25,80" in mail["htmlContent"] for mail in brevo_sandbox.records("mails"))
    assert len(brevo_sandbox.records("sms")) == 1
    assert [contact["email"] for contact in brevo_sandbox.records("contacts")] == ["ann@example.com"]
    assert [user["email"] for user in brevo_sandbox.records("endusers")] == ["ann@example.com"]
    assert set(Notification.objects.values_list("status", flat=True)) == {"sent"}
    assert ContactSync.objects.filter(last_error="", synced_at__isnull=False).count() == 2


@pytest.mark.parametrize(
    ("event", "status", "tag"),
    [
        (PaymentFailed, Order.Status.PAYMENT_FAILED, "payment_failed"),
        (PaymentActionRequired, Order.Status.REQUIRES_ACTION, "payment_action_required"),
    ],
)
def test_a_payment_problem_is_sent_by_email_and_sms(event, status, tag, brevo_sandbox):
    order = make_order(status=status)
    with transaction.atomic():
        publish(event(order_id=order.pk, customer_id=order.customer_id))

    deliver()

    assert [mail["tags"] for mail in brevo_sandbox.records("mails")] == [[tag]]
    assert [sms["content"].count(order.number) for sms in brevo_sandbox.records("sms")] == [1]


def attempted(order, *, number: int, status: str, **fields: Any) -> ChargeAttempt:
    charge, _ = Charge.objects.get_or_create(
        order=order, defaults={"amount": order.amount, "currency": order.currency, "payment_method": "pm_card_visa"}
    )
    return ChargeAttempt.objects.create(
        charge=charge, number=number, idempotency_key=f"k{number}", payment_method="pm_card_visa", status=status,
        started_at=NOW, **fields,
    )  # fmt: skip


def test_after_an_outage_only_the_latest_state_is_sent(brevo_sandbox):
    order = make_order(status=Order.Status.PAYMENT_FAILED)
    about = {"order_id": order.pk, "customer_id": order.customer_id}
    attempted(order, number=1, status="declined", decline_code="insufficient_funds", finished_at=NOW)
    with transaction.atomic():
        publish(PaymentFailed(**about, attempt_number=1))
    attempted(order, number=2, status="declined", decline_code="expired_card", finished_at=NOW + dt.timedelta(days=3))
    with transaction.atomic():
        publish(PaymentFailed(**about, attempt_number=2))

    deliver(times=2)

    [mail] = brevo_sandbox.records("mails")
    assert "The card has expired." in mail["textContent"]
    assert len(brevo_sandbox.records("sms")) == 1
    rows = Notification.objects.filter(channel="email").values_list("dedup_key", "status", "error_code")
    assert set(rows) == {("attempt-1", "skipped", "superseded"), ("attempt-2", "sent", "")}


def test_an_event_without_an_attempt_number_sends_one_message(brevo_sandbox):
    order = make_order(status=Order.Status.PAYMENT_FAILED)
    attempted(order, number=1, status="declined", decline_code="insufficient_funds", finished_at=NOW)

    for _ in range(2):
        current_app.tasks["emails.payment_failed"](order_id=str(order.pk), customer_id=str(order.customer_id))

    assert len(brevo_sandbox.records("mails")) == 1
    assert Notification.objects.get().dedup_key == ""


def wait_until(condition: Any, *, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_brevos_webhook_updates_the_message(brevo_sandbox, live_server, settings, monkeypatch):
    monkeypatch.setitem(brevo_sandbox.app.webhooks.urls, "brevo", f"{live_server.url}/webhooks/brevo/")
    token = settings.BREVO_WEBHOOK_TOKEN
    config = brevo_sandbox.app.webhooks._config
    monkeypatch.setattr(brevo_sandbox.app.webhooks, "_config", dataclasses.replace(config, brevo_webhook_token=token))
    good = make_order()
    bad = make_order(
        customer={"email": "hard_bounce@example.com", "marketing_consent": True},
        start=dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
    )
    with transaction.atomic():
        for order in (good, bad):
            publish(OrderPaid(order_id=order.pk, customer_id=order.customer_id))
    deliver()
    wait_until(lambda: OutboxMessage.objects.filter(task="brevo.process_webhook").count() >= 8)
    deliver()

    mails = dict(Notification.objects.filter(channel="email").values_list("order_id", "status"))
    assert mails == {good.pk: "delivered", bad.pk: "bounced"}
    assert set(Notification.objects.filter(channel="sms").values_list("status", flat=True)) == {"delivered"}

    # The shop does not send the next message to the address that bounced.
    Order.objects.filter(pk=bad.pk).update(status="payment_failed")
    with transaction.atomic():
        publish(PaymentFailed(order_id=bad.pk, customer_id=bad.customer_id))
    deliver()
    row = Notification.objects.get(kind="payment_failed", channel="email")
    assert (row.status, row.error_code) == ("skipped", "hard_bounce")
    assert len(brevo_sandbox.records("mails")) == 2
    assert Customer.objects.get(pk=bad.customer_id).marketing_consent


def test_a_task_that_runs_three_times_at_once_has_one_effect(brevo_sandbox):
    order = make_order()
    arguments = {"order_id": str(order.pk), "customer_id": str(order.customer_id)}
    for name in ("emails.welcome", "sms.order_paid", "brevo.sync_contact", "dixa.sync_end_user"):
        assert at_once(lambda task=current_app.tasks[name]: task(**arguments), times=3) == [None] * 3

    found = [len(brevo_sandbox.records(name)) for name in ("mails", "sms", "contacts", "endusers")]
    assert found == [1, 1, 1, 1]
