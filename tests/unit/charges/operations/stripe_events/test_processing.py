"""Stripe's events about payments, repeated and in any order."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest

from charges.models import Charge, ChargeAttempt
from charges.operations.locks import charge_lock
from charges.operations.stripe_events.objects import ChargeNotHereYet
from charges.operations.stripe_events.processing import StrayIntent, process_stripe_event
from integrations.errors import MalformedMessage, ProviderUnclear
from integrations.inbox.queries import WebhookEventNotFound
from integrations.locks import session_lock
from integrations.stripe import payment_intents
from tests.support.concurrency import Died, dying, errors_at_once, in_thread, wait_until_blocked
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox
from tests.support.stripe_events import process_event, store_event, stripe_events

pytestmark = pytest.mark.django_db(transaction=True)


def captured_but_unaware(sandbox: StripeSandbox, **order: Any) -> Any:
    """Stripe took the payment; our worker never heard the answer."""
    sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    placed = place_order(**order)
    with pytest.raises(ProviderUnclear):
        capture(placed)
    return placed


def test_the_webhook_before_the_task(stripe_sandbox: StripeSandbox) -> None:
    order = captured_but_unaware(stripe_sandbox)
    [event] = stripe_events(stripe_sandbox, "payment_intent.succeeded")

    assert process_event(store_event(event)) == "charge succeeded"

    order.refresh_from_db()
    assert (order.status, ChargeAttempt.objects.get().status) == ("paid", "succeeded")
    capture(order)
    assert (published(), len(stripe_sandbox.requests(path="/confirm"))) == ({"OrderPaid": 1}, 1)


def test_the_webhook_after_the_task_sends_no_request(stripe_sandbox: StripeSandbox) -> None:
    capture(place_order())
    stored = store_event(stripe_events(stripe_sandbox, "payment_intent.succeeded")[0])

    assert process_event(stored) == "charge succeeded before"

    assert stripe_sandbox.requests(method="GET", path="/payment_intents") == []
    assert published() == {"OrderPaid": 1}


def test_a_processed_event_is_left_alone(stripe_sandbox: StripeSandbox) -> None:
    captured_but_unaware(stripe_sandbox)
    stored = store_event(stripe_events(stripe_sandbox, "payment_intent.succeeded")[0])

    process_event(stored)
    process_event(stored)

    assert len(stripe_sandbox.requests(method="GET", path="/payment_intents/pi_")) == 1
    assert published() == {"OrderPaid": 1}


def test_a_decline_by_webhook(stripe_sandbox: StripeSandbox) -> None:
    order = captured_but_unaware(stripe_sandbox, payment_method="pm_card_chargeCustomerFail_insufficient_funds")
    [event] = stripe_events(stripe_sandbox, "payment_intent.payment_failed")

    assert process_event(store_event(event)) == "charge failed"
    assert process_event(store_event({**event, "id": "evt_another_about_the_same"})) == "charge failed"

    order.refresh_from_db()
    attempt = ChargeAttempt.objects.get()
    assert (order.status, attempt.status, attempt.decline_code) == ("payment_failed", "declined", "insufficient_funds")
    assert published() == {"PaymentFailed": 1}


def test_a_late_failure_event_after_success_changes_nothing(stripe_sandbox: StripeSandbox) -> None:
    """The customer paid the failed intent with another card; the first failure's event comes last."""
    order = place_order(payment_method="pm_card_chargeCustomerFail_lost_card")
    capture(order)
    intent = stripe_sandbox.intents()[0]
    other = stripe_sandbox.api("POST", "/v1/payment_methods/pm_card_visa/attach", customer=intent["customer"])
    stripe_sandbox.api(
        "POST", f"/v1/payment_intents/{intent['id']}/confirm", payment_method=other["id"], off_session="true"
    )
    failed = store_event(stripe_events(stripe_sandbox, "payment_intent.payment_failed")[0])
    succeeded = store_event(stripe_events(stripe_sandbox, "payment_intent.succeeded")[0])

    assert process_event(succeeded) == "charge succeeded"
    assert process_event(failed) == "charge succeeded before"

    order.refresh_from_db()
    assert (order.status, Charge.objects.get().status) == ("paid", "succeeded")
    assert published() == {"PaymentFailed": 1, "OrderPaid": 1}


def test_the_intent_is_read_at_stripe_and_not_taken_from_the_payload(stripe_sandbox: StripeSandbox) -> None:
    order = captured_but_unaware(stripe_sandbox)
    [event] = stripe_events(stripe_sandbox, "payment_intent.succeeded")
    lie = {**event, "id": "evt_old", "type": "payment_intent.payment_failed"}

    assert process_event(store_event(lie)) == "charge succeeded"

    order.refresh_from_db()
    assert order.status == "paid"


def test_the_customer_authenticates_and_the_same_charge_succeeds(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_authenticationRequired")
    capture(order)
    intent = stripe_sandbox.intents()[0]
    card = stripe_sandbox.objects(f"customers/{intent['customer']}/payment_methods")[0]["id"]
    stripe_sandbox.api(
        "POST", f"/v1/payment_intents/{intent['id']}/confirm", payment_method=card, return_url="https://shop.example"
    )
    stripe_sandbox.authenticate(intent["id"])

    outcomes = [
        process_event(store_event(event)) for event in reversed(stripe_events(stripe_sandbox, "payment_intent."))
    ]

    assert outcomes[0] == "charge succeeded"
    order.refresh_from_db()
    assert (order.status, ChargeAttempt.objects.get().status) == ("paid", "succeeded")
    assert published() == {"PaymentActionRequired": 1, "OrderPaid": 1}


def test_a_failed_authentication_fails_the_charge(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_authenticationRequired")
    capture(order)
    intent = stripe_sandbox.intents()[0]
    card = stripe_sandbox.objects(f"customers/{intent['customer']}/payment_methods")[0]["id"]
    stripe_sandbox.api(
        "POST", f"/v1/payment_intents/{intent['id']}/confirm", payment_method=card, return_url="https://shop.example"
    )
    stripe_sandbox.authenticate(intent["id"], outcome="fail")

    assert (
        process_event(store_event(stripe_events(stripe_sandbox, "payment_intent.payment_failed")[-1]))
        == "charge failed"
    )

    order.refresh_from_db()
    assert (order.status, published()) == ("payment_failed", {"PaymentActionRequired": 1, "PaymentFailed": 1})


def test_a_required_authentication_is_no_decline(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_authenticationRequired")
    capture(order)

    assert (
        process_event(store_event(stripe_events(stripe_sandbox, "payment_intent.payment_failed")[0]))
        == "charge requires_action"
    )

    order.refresh_from_db()
    assert (order.status, published()) == ("requires_action", {"PaymentActionRequired": 1})


def test_an_intent_canceled_at_stripe(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_chargeCustomerFail")
    capture(order)
    stripe_sandbox.api("POST", f"/v1/payment_intents/{stripe_sandbox.intents()[0]['id']}/cancel")

    assert process_event(store_event(stripe_events(stripe_sandbox, "payment_intent.canceled")[0])) == "charge canceled"

    order.refresh_from_db()
    # Nothing can be paid by it any more: the plan's policy for unpaid orders is applied at once.
    assert (order.status, order.subscription.status) == ("canceled", "canceled")
    assert published() == {"PaymentFailed": 1, "DunningExhausted": 1, "SubscriptionCanceled": 1, "OrderCanceled": 1}


def test_processing_waits_for_the_bank(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    order = captured_but_unaware(stripe_sandbox)
    real = payment_intents.retrieve
    monkeypatch.setattr(
        payment_intents, "retrieve", lambda **named: dataclasses.replace(real(**named), status="processing")
    )
    event = stripe_events(stripe_sandbox, "payment_intent.succeeded")[0]

    assert (
        process_event(store_event({**event, "id": "evt_p", "type": "payment_intent.processing"})) == "charge processing"
    )
    order.refresh_from_db()
    assert (order.status, ChargeAttempt.objects.get().status) == ("pending_payment", "processing")
    capture(order)  # a delivery that comes again does not confirm what is under way
    assert len(stripe_sandbox.requests(path="/confirm")) == 1

    monkeypatch.setattr(payment_intents, "retrieve", real)
    assert process_event(store_event(event)) == "charge succeeded"


def test_the_worker_died_before_it_saved_the_intents_id(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place_order()
    with monkeypatch.context() as patched:
        patched.setattr(payment_intents, "create", dying(payment_intents.create, after=True))
        with pytest.raises(Died):
            capture(order)
    intent = stripe_sandbox.intents()[0]
    stripe_sandbox.api("POST", f"/v1/payment_intents/{intent['id']}/cancel")

    assert process_event(store_event(stripe_events(stripe_sandbox, "payment_intent.canceled")[0])) == "charge canceled"

    assert Charge.objects.get().payment_intent_id == intent["id"]


def test_an_event_of_a_missing_charge_is_retried(stripe_sandbox: StripeSandbox) -> None:
    intent = {"id": "pi_early", "metadata": {"charge": str(uuid.uuid4())}}
    stored = store_event({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": intent}})

    with pytest.raises(ChargeNotHereYet):
        process_stripe_event(webhook_event_id=stored.pk, at=NOW)

    stored.refresh_from_db()
    assert stored.processed_at is None


@pytest.mark.parametrize("metadata", [{}, None, {"charge": "not ours"}, {"charge": None}, {"charge": 7}, []])
def test_a_foreign_intent_is_ignored(stripe_sandbox: StripeSandbox, metadata: Any) -> None:
    intent = {"id": "pi_foreign", "metadata": metadata}
    stored = store_event({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": intent}})
    assert process_event(stored) == "ignored: not one of our payments"


def test_an_unhandled_type_is_noted(stripe_sandbox: StripeSandbox) -> None:
    stored = store_event({"id": "evt_1", "type": "customer.tax_id.created", "data": {"object": {"id": "txi_1"}}})
    assert process_event(stored).startswith("ignored")


def test_a_second_intent_of_a_charge_is_a_permanent_error(stripe_sandbox: StripeSandbox) -> None:
    capture(place_order())
    intent = {"id": "pi_stray", "metadata": {"charge": str(Charge.objects.get().pk)}}
    stored = store_event({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": intent}})

    with pytest.raises(StrayIntent):
        process_stripe_event(webhook_event_id=stored.pk, at=NOW)


@pytest.mark.parametrize("data", [{}, {"object": {}}, {"object": None}, {"object": {"id": 5}}, None, []])
def test_an_event_without_an_object(stripe_sandbox: StripeSandbox, data: Any) -> None:
    stored = store_event({"id": "evt_1", "type": "payment_intent.succeeded", "data": data})
    with pytest.raises(MalformedMessage):
        process_stripe_event(webhook_event_id=stored.pk, at=NOW)


def test_an_unknown_event() -> None:
    with pytest.raises(WebhookEventNotFound):
        process_stripe_event(webhook_event_id=uuid.uuid4(), at=NOW)


def test_an_event_waits_for_a_running_capture(stripe_sandbox: StripeSandbox) -> None:
    order = captured_but_unaware(stripe_sandbox)
    stored = store_event(stripe_events(stripe_sandbox, "payment_intent.succeeded")[0])
    charge = Charge.objects.get()
    with session_lock(charge_lock(charge.pk)):
        worker = in_thread(lambda: process_event(stored))
        wait_until_blocked(worker)
        assert worker.is_alive()
        order.refresh_from_db()
        assert order.status == "pending_payment"
    worker.join()

    order.refresh_from_db()
    assert order.status == "paid"


def test_two_deliveries_of_one_event_at_once(stripe_sandbox: StripeSandbox) -> None:
    captured_but_unaware(stripe_sandbox)
    stored = store_event(stripe_events(stripe_sandbox, "payment_intent.succeeded")[0])

    assert errors_at_once(lambda: process_event(stored), times=3) == []

    assert (Charge.objects.get().status, published()) == ("succeeded", {"OrderPaid": 1})
