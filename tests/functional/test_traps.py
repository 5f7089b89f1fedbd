"""Known payment bugs of other shops. Each has a test, in this file or in a file that is listed here."""

from __future__ import annotations

import ast
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from charges.models import Charge, ChargeAttempt
from charges.operations.dunning import steps as dunning_steps
from charges.operations.recovery import unknown_outcomes
from integrations.errors import PermanentError, ProviderUnclear
from integrations.outbox.models import OutboxMessage
from notifications.models import Channel, Notification
from notifications.operations import reasons
from notifications.operations.dedup_keys import DedupKey
from orders.models import Order
from orders.tasks import start_fulfillment
from subscriptions.models import Subscription
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, published
from tests.support.factories import dunning_run_of, place_order, place_renewal
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

TESTS = Path(__file__).resolve().parents[1]
TESTED_ELSEWHERE = {
    "an attempt after the subscription was canceled": (
        "test_dunning_stops_when_the_subscription_is_canceled",
        "test_an_attempt_begun_before_the_cancellation_takes_no_money",
    ),
    "many charges after a customer replaced the card": (
        "test_a_new_card_for_one_order_charges_that_order_only",
        "test_two_new_cards_at_once_make_one_payment",
    ),
    "a background charge without its own idempotency key while the task is retried": (
        "test_killed_at_every_moment",
        "test_stripe_fails_30_percent_of_calls_half_of_them_after_the_effect",
    ),
    "a burst of attempts after an outage": (
        "test_after_our_outage_there_is_one_attempt_and_no_burst",
    ),
    "a webhook that is processed before the shop has committed": (
        "test_an_event_that_comes_before_its_charge_waits_and_comes_back",
        "test_a_dispute_that_comes_before_its_payment",
    ),
    "duplicates of one webhook at the same time": (
        "test_an_event_that_comes_twice_at_once_is_stored_and_published_once",
        "test_deliveries_at_once",
    ),
    "a countdown longer than the visibility timeout": (
        "test_no_message_is_published_with_a_delay",
    ),
    "an exhausted task that runs again after its visibility timeout": (
        "test_a_task_that_always_fails_uses_the_ladder_and_is_dead_lettered_unchanged",
    ),
    "a shutdown that runs tasks in flight twice": (
        "test_sigterm_lets_the_running_task_finish",
    ),
}


def test_every_listed_test_exists() -> None:
    trees = [ast.parse(path.read_text()) for path in TESTS.rglob("test_*.py")]
    found = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    listed = {name for names in TESTED_ELSEWHERE.values() for name in names}
    assert listed <= found


def test_no_mail_confirms_a_renewal_before_it_is_paid(stripe_sandbox: StripeSandbox) -> None:
    first = place_order()
    capture(first)
    first.refresh_from_db()
    renewal = place_renewal(first, payment_method="pm_card_chargeCustomerFail")

    def reason_not_to_send() -> str:
        renewal.refresh_from_db()
        return reasons.not_to_send(
            kind=Notification.Kind.WELCOME, channel=Channel.EMAIL, order=renewal, dedup_key=DedupKey()
        )

    assert reason_not_to_send() == "order_not_paid"
    capture(renewal)
    assert reason_not_to_send() == "order_not_paid"
    assert not OutboxMessage.objects.filter(task="emails.welcome", kwargs__order_id=str(renewal.pk)).exists()


def test_a_period_is_renewed_only_once(stripe_sandbox: StripeSandbox) -> None:
    first = place_order()
    capture(first)
    renewal = place_renewal(first, payment_method="pm_card_visa")
    again = Order.objects.filter(pk=place_order(customer=first.customer).pk)
    with pytest.raises(IntegrityError, match="one_order_per_period"), transaction.atomic():
        again.update(kind="renewal", subscription=first.subscription, period=renewal.period)
    assert Order.objects.filter(subscription=first.subscription).count() == 2


def test_an_event_without_its_charge_is_given_up_and_listed(stripe_sandbox: StripeSandbox) -> None:
    from charges.operations.stripe_events.objects import ChargeNotHereYet
    from charges.operations.stripe_events.processing import process_stripe_event
    from integrations.inbox.models import WebhookEvent
    from integrations.outbox.recovery import sweep

    intent = {"id": "pi_1", "metadata": {"charge": "01890000-0000-7000-8000-000000000000"}}
    event = WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="payment_intent.succeeded", received_at=NOW,
        payload={"id": "evt_1", "data": {"object": intent}},
    )  # fmt: skip
    with pytest.raises(ChargeNotHereYet):
        process_stripe_event(webhook_event_id=event.pk, at=NOW)

    assert sweep(at=NOW + dt.timedelta(hours=2))["Stripe events"] == 1
    OutboxMessage.objects.all().delete()
    assert sweep(at=NOW + dt.timedelta(days=3, minutes=1))["Stripe events"] == 0
    event.refresh_from_db()
    assert event.processed_at is None, "the admin lists it as not processed"


def test_the_check_that_settles_the_payment_continues_the_dunning(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(monkeypatch, stripe_sandbox)
    first = place_order()
    capture(first)
    first.refresh_from_db()
    renewal = place_renewal(first, payment_method="pm_card_chargeCustomerFail")
    capture(renewal, at=days.now)
    Charge.objects.filter(order=renewal).update(payment_method="pm_card_mastercard")
    # The second attempt succeeds at Stripe, but its response and then its message are lost.
    days.sleep(days=2)
    dunning_steps.take_step(order_id=renewal.pk, step_number=1, at=days.now)
    stripe_sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    with pytest.raises(ProviderUnclear):
        capture(renewal, at=days.now)
    OutboxMessage.objects.update(sent_at=days.now)
    assert ChargeAttempt.objects.get(charge__order=renewal, number=2).status == "unknown"

    days.sleep(minutes=6)
    assert unknown_outcomes.check_unknown_outcomes(at=days.now) == 1
    days.settle()

    renewal.refresh_from_db()
    assert dunning_run_of(renewal).status == "recovered"
    assert Subscription.objects.get(pk=renewal.subscription_id).status == "active"
    assert stripe_sandbox.statuses().count("succeeded") == 2
    dunning_steps.take_step(order_id=renewal.pk, step_number=2, at=days.now + dt.timedelta(days=30))
    assert ChargeAttempt.objects.filter(charge__order=renewal).count() == 2


def test_messages_are_grouped_by_customer(stripe_sandbox: StripeSandbox) -> None:
    """SQS's fair queues use the group, so that many messages of one customer do not delay those of others."""
    busy = place_order(payment_method="pm_card_chargeCustomerFail")
    capture(busy)
    quiet = place_order()
    capture(quiet)
    groups = set(OutboxMessage.objects.exclude(queue="").values_list("group", flat=True))
    assert groups == {str(busy.customer_id), str(quiet.customer_id)}


def test_a_redrive_of_processed_messages_changes_nothing(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()
    capture(order)
    before = published()
    for _ in range(3):
        capture(order, at=NOW + dt.timedelta(days=30))
        start_fulfillment(order_id=str(order.pk))
    assert published() == before
    assert stripe_sandbox.statuses() == ["succeeded"]


def test_a_message_about_a_missing_order_is_a_permanent_error(stripe_sandbox: StripeSandbox) -> None:
    order: Any = place_order()
    order_id = order.pk
    order.lines.all().delete()
    order.delete()
    with pytest.raises(PermanentError):
        capture(Order(pk=order_id))
