"""Payments from the checkout over HTTP, task by task, to the outcome at Stripe and the order's status."""

from __future__ import annotations

from typing import Any

import pytest

from charges import queries
from charges.models import Charge, ChargeAttempt
from integrations.inbox.models import WebhookEvent
from integrations.outbox.events import consumers_of
from integrations.outbox.models import OutboxMessage
from integrations.sqs.tasks import queue_for
from integrations.stripe import payment_intents
from orders.events import OrderPlaced
from subscriptions.models import Subscription
from tests.support.deliveries import published
from tests.support.sandboxes import StripeSandbox
from tests.support.shop import Shop
from tests.support.stripe_events import receive_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(stripe_sandbox: StripeSandbox, magazine: Any) -> Shop:
    return Shop()


def test_the_names_of_the_tasks_and_their_queue_are_frozen() -> None:
    from charges.events import StripeWebhookReceived

    consumers = [
        *(name for name in consumers_of(OrderPlaced) if name.startswith("charges.")),
        *consumers_of(StripeWebhookReceived),
    ]
    assert consumers == ["charges.capture_payment", "charges.process_webhook"]
    assert {queue_for(name).name for name in consumers} == {"ChargesQueue"}


def test_a_good_card_pays_the_order_once(shop: Shop, stripe_sandbox: StripeSandbox) -> None:
    status_url = shop.buy("pm_card_visa")
    assert shop.status(status_url) == "pending_payment"

    shop.work(times=3)

    assert shop.status(status_url) == "paid"
    assert Subscription.objects.get().status == "active"
    [intent] = stripe_sandbox.intents()
    assert (intent["status"], intent["amount"], intent["currency"]) == ("succeeded", 490, "eur")
    assert published()["OrderPaid"] == 1


def test_a_declined_card_leaves_an_unpaid_order(shop: Shop, stripe_sandbox: StripeSandbox) -> None:
    status_url = shop.buy("pm_card_chargeCustomerFail_insufficient_funds")

    shop.work(times=2)
    receive_events(stripe_sandbox, "payment_intent.payment_failed")
    shop.work(times=2)

    assert shop.status(status_url) == "payment_failed"
    assert Subscription.objects.get().status == "incomplete"
    assert stripe_sandbox.intents()[0]["amount_received"] == 0
    assert (published()["PaymentFailed"], shop.errors) == (1, [])


def test_a_payment_that_the_customer_authenticates_completes_the_same_charge(
    shop: Shop, stripe_sandbox: StripeSandbox
) -> None:
    status_url = shop.buy("pm_card_authenticationRequired")
    shop.work()
    assert shop.status(status_url) == "requires_action"

    intent = stripe_sandbox.intents()[0]
    card = stripe_sandbox.objects(f"customers/{intent['customer']}/payment_methods")[0]["id"]
    stripe_sandbox.api(
        "POST", f"/v1/payment_intents/{intent['id']}/confirm", payment_method=card, return_url="https://shop.example"
    )
    stripe_sandbox.authenticate(intent["id"])
    receive_events(
        stripe_sandbox, "payment_intent.succeeded", "payment_intent.requires_action", "payment_intent.payment_failed"
    )
    shop.work(times=2)

    assert shop.status(status_url) == "paid"
    assert (Charge.objects.get().payment_intent_id, len(stripe_sandbox.intents())) == (intent["id"], 1)
    assert not WebhookEvent.objects.filter(processed_at=None).exists()
    assert (published()["PaymentActionRequired"], published()["OrderPaid"]) == (1, 1)


@pytest.mark.parametrize(
    ("call", "mistake"),
    [("create", {"amount": 1}), ("create", {"customer_id": "cus_typo"}), ("confirm", {"payment_intent_id": "pi_typo"})],
)
def test_an_invalid_request_is_a_dead_letter_that_is_captured_after_the_fix(
    shop: Shop, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, call: str, mistake: dict[str, Any]
) -> None:
    status_url = shop.buy("pm_card_visa")
    [message] = OutboxMessage.objects.filter(task="charges.capture_payment")
    correct = getattr(payment_intents, call)
    monkeypatch.setattr(payment_intents, call, lambda **arguments: correct(**{**arguments, **mistake}))

    shop.work()

    assert (shop.status(status_url), shop.errors) == ("pending_payment", ["InvalidRequest"])
    [attempt] = ChargeAttempt.objects.all()
    reading = queries.reading(attempt=attempt)
    assert reading is not None and (attempt.status, reading.category) == ("rejected", "our_fault")
    assert "PaymentFailed" not in published()

    monkeypatch.undo()
    message.save(force_insert=True)  # as a redrive from the dead-letter queue does
    shop.work(times=2)

    assert shop.status(status_url) == "paid"
    assert stripe_sandbox.statuses() == ["succeeded"]
    assert list(ChargeAttempt.objects.values_list("status", flat=True)) == ["rejected", "succeeded"]
    assert "PaymentFailed" not in published()


@pytest.mark.parametrize("seed", range(4))
def test_the_order_is_paid_once_although_stripe_fails_three_calls_in_ten(
    shop: Shop, stripe_sandbox: StripeSandbox, seed: int
) -> None:
    status_url = shop.buy("pm_card_visa")
    stripe_sandbox.faults(
        {"kind": "error", "status": 500, "rate": 0.15, "seed": seed},
        {"kind": "error_after_effect", "status": 500, "rate": 0.15, "seed": seed + 100},
    )

    shop.work(times=2)

    assert shop.status(status_url) == "paid"
    assert stripe_sandbox.statuses() == ["succeeded"]
    assert published()["OrderPaid"] == 1
