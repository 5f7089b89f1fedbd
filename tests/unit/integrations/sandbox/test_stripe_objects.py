"""Customers, payment methods, setup intents, refunds, disputes and events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

Charge = Callable[..., stripe.PaymentIntent]
Attach = Callable[[str], str]


def types(client: stripe.StripeClient) -> list[str]:
    """The types of all events, oldest first."""
    return [event.type for event in client.v1.events.list(params={"limit": 100}).data][::-1]


def test_a_customer_is_created_updated_and_deleted(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create(params={"email": "ann@example.com", "metadata": {"a": "1"}})
    changed = client.v1.customers.update(made.id, params={"name": "Ann", "metadata": {"b": "2"}})
    assert (changed.email, changed.name, changed.metadata.to_dict()) == (
        "ann@example.com",
        "Ann",
        {"a": "1", "b": "2"},
    )
    assert [found.id for found in client.v1.customers.list(params={"email": "ann@example.com"}).data] == [made.id]
    assert client.v1.customers.delete(made.id).deleted is True
    assert client.v1.customers.retrieve(made.id).to_dict() == {
        "id": made.id,
        "object": "customer",
        "deleted": True,
    }
    assert client.v1.customers.list().data == []
    for call in (
        lambda: client.v1.customers.delete(made.id),
        lambda: client.v1.customers.update(made.id, params={"name": "B"}),
        lambda: client.v1.payment_intents.create(params={"amount": 500, "currency": "eur", "customer": made.id}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            call()
        assert caught.value.code == "resource_missing"
    assert types(client) == ["customer.created", "customer.updated", "customer.deleted"]


def test_an_update_without_a_change_creates_no_event(client: stripe.StripeClient, customer: stripe.Customer) -> None:
    client.v1.customers.update(customer.id, params={"name": "Ann"})
    assert types(client) == ["customer.created"]


def test_the_event_of_an_update_contains_the_previous_values(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    client.v1.customers.update(customer.id, params={"email": "new@example.com"})
    (event,) = client.v1.events.list(params={"type": "customer.updated"}).data
    assert event.data.previous_attributes.to_dict() == {"email": "ann@example.com"}
    assert event.data.object.email == "new@example.com"


def test_the_default_payment_method_must_be_attached_to_the_customer(
    client: stripe.StripeClient, customer: stripe.Customer, attach: Attach
) -> None:
    card = attach("pm_card_visa")
    settings: Any = {"invoice_settings": {"default_payment_method": card}}
    updated = client.v1.customers.update(customer.id, params=settings)
    assert updated.invoice_settings.default_payment_method == card
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(other.id, params=settings)


def test_attaching_a_test_card_creates_a_new_payment_method(
    client: stripe.StripeClient, customer: stripe.Customer, attach: Attach
) -> None:
    first, second = attach("pm_card_visa"), attach("pm_card_visa")
    assert first.startswith("pm_")
    assert first != second != "pm_card_visa"
    listed = client.v1.payment_methods.list(params={"customer": customer.id, "type": "card"})
    assert [card.id for card in listed.data] == [second, first]
    assert [card.id for card in client.v1.customers.payment_methods.list(customer.id).data] == [second, first]
    assert client.v1.payment_methods.list().data == []


def test_a_detached_payment_method_cannot_be_used_again(
    client: stripe.StripeClient, customer: stripe.Customer, attach: Attach
) -> None:
    card = attach("pm_card_mastercard")
    detached = client.v1.payment_methods.detach(card)
    assert detached.customer is None
    (event,) = client.v1.events.list(params={"type": "payment_method.detached"}).data
    assert event.data.previous_attributes.customer == customer.id
    for call in (
        lambda: client.v1.payment_methods.attach(card, params={"customer": customer.id}),
        lambda: client.v1.payment_methods.detach(card),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            call()
        assert (caught.value.http_status, caught.value.code) == (400, None)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.payment_methods.retrieve(customer.id, card)
    assert (caught.value.http_status, caught.value.param) == (404, "customer")


def test_a_card_that_declines_cannot_be_attached(
    client: stripe.StripeClient, customer: stripe.Customer, attach: Attach
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        attach("pm_card_visa_chargeDeclinedInsufficientFunds")
    assert (caught.value.http_status, caught.value.code) == (402, "card_declined")
    with pytest.raises(stripe.CardError):
        client.v1.customers.create(params={"payment_method": "pm_card_visa_chargeDeclined"})
    assert len(client.v1.customers.list().data) == 1
    assert attach("pm_card_chargeCustomerFail")


def test_raw_card_numbers_are_rejected(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError, match="generally unsafe") as caught:
        number: Any = {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2030},
        }
        client.v1.payment_methods.create(params=number)
    assert caught.value.http_status == 402


@pytest.mark.parametrize("verb", ["confirm", "create"])
def test_a_setup_intent_saves_a_card(client: stripe.StripeClient, customer: stripe.Customer, verb: str) -> None:
    params: Any = {"customer": customer.id, "allowed_payment_method_types": ["card"], "usage": "off_session"}
    if verb == "create":
        setup = client.v1.setup_intents.create(params={**params, "payment_method": "pm_card_visa", "confirm": True})
    else:
        waiting = client.v1.setup_intents.create(params=params)
        assert (waiting.status, waiting.client_secret[:5]) == ("requires_payment_method", "seti_")
        setup = client.v1.setup_intents.confirm(waiting.id, params={"payment_method": "pm_card_visa"})
    assert setup.status == "succeeded"
    (card,) = client.v1.payment_methods.list(params={"customer": customer.id}).data
    assert card.id == setup.payment_method
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.setup_intents.cancel(setup.id)
    assert caught.value.code == "setup_intent_unexpected_state"


def test_a_declined_setup_intent_can_still_be_canceled(client: stripe.StripeClient, customer: stripe.Customer) -> None:
    with pytest.raises(stripe.CardError) as caught:
        client.v1.setup_intents.create(
            params={
                "customer": customer.id,
                "payment_method": "pm_card_visa_chargeDeclined",
                "confirm": True,
                "allowed_payment_method_types": ["card"],
            }
        )
    setup = caught.value.error.setup_intent
    assert setup.status == "requires_payment_method"
    assert "setup_intent.setup_failed" in types(client)
    assert client.v1.setup_intents.cancel(setup.id).status == "canceled"


def test_refunds_never_exceed_the_payment(client: stripe.StripeClient, charge: Charge, attach: Attach) -> None:
    intent = charge(attach("pm_card_visa"))
    first = client.v1.refunds.create(
        params={"payment_intent": intent.id, "amount": 290, "reason": "requested_by_customer"}
    )
    assert (first.status, first.amount, first.charge) == ("succeeded", 290, intent.latest_charge)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create(params={"payment_intent": intent.id, "amount": 1001})
    assert (caught.value.code, caught.value.param) == (None, "amount")
    second = client.v1.refunds.create(params={"charge": str(intent.latest_charge)})
    assert second.amount == 1000
    assert client.v1.charges.retrieve(str(intent.latest_charge)).refunded is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create(params={"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"
    listed = client.v1.refunds.list(params={"payment_intent": intent.id}).data
    assert [refund.id for refund in listed] == [second.id, first.id]
    assert types(client).count("refund.created") == 2


def test_a_succeeded_refund_may_fail_later(
    client: stripe.StripeClient, charge: Charge, attach: Attach, control: httpx.Client
) -> None:
    intent = charge(attach("pm_card_visa"))
    refund = client.v1.refunds.create(params={"payment_intent": intent.id})
    control.post(f"/sandbox/stripe/refunds/{refund.id}/fail", json={"reason": "lost_or_stolen_card"})
    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    assert types(client)[-2:] == ["refund.updated", "refund.failed"]
    assert client.v1.charges.retrieve(str(intent.latest_charge)).amount_refunded == 0
    assert client.v1.refunds.create(params={"payment_intent": intent.id}).status == "succeeded"


def test_test_cards_with_pending_and_failing_refunds(
    client: stripe.StripeClient, charge: Charge, attach: Attach, control: httpx.Client
) -> None:
    waiting = charge(attach("pm_card_pendingRefund"))
    refund = client.v1.refunds.create(params={"payment_intent": waiting.id})
    assert refund.status == "pending"
    control.post(f"/sandbox/stripe/refunds/{refund.id}/succeed").raise_for_status()
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    failing = charge(attach("pm_card_refundFail"))
    refund = client.v1.refunds.create(params={"payment_intent": failing.id})
    assert refund.status == "succeeded"
    assert client.v1.refunds.retrieve(refund.id).status == "failed"


@pytest.mark.parametrize(("status", "last"), [("won", "funds_reinstated"), ("lost", "updated")])
def test_a_dispute_is_opened_updated_and_closed(
    client: stripe.StripeClient,
    charge: Charge,
    attach: Attach,
    control: httpx.Client,
    status: str,
    last: str,
) -> None:
    intent = charge(attach("pm_card_visa"))
    made = control.post("/sandbox/stripe/disputes", json={"payment_intent": intent.id}).json()
    dispute = client.v1.disputes.retrieve(made["id"])
    assert (dispute.status, dispute.amount, dispute.charge) == ("needs_response", 1290, intent.latest_charge)
    control.post(f"/sandbox/stripe/disputes/{made['id']}/updated", json={"status": "under_review"})
    control.post(f"/sandbox/stripe/disputes/{made['id']}/closed", json={"status": status})
    assert client.v1.disputes.list(params={"payment_intent": intent.id}).data[0].status == status
    names = [name for name in types(client) if name.startswith("charge.dispute")]
    assert names[:3] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
    ]
    assert names[-2:] == [f"charge.dispute.{last}", "charge.dispute.closed"]
    assert client.v1.charges.retrieve(str(intent.latest_charge)).disputed is True


def test_a_test_card_opens_a_dispute(client: stripe.StripeClient, charge: Charge, attach: Attach) -> None:
    intent = charge(attach("pm_card_createDispute"))
    (dispute,) = client.v1.disputes.list(params={"payment_intent": intent.id}).data
    assert dispute.reason == "fraudulent"


def test_fraud_warnings_and_automatic_card_updates(
    client: stripe.StripeClient, charge: Charge, attach: Attach, control: httpx.Client
) -> None:
    card = attach("pm_card_visa")
    intent = charge(card)
    control.post("/sandbox/stripe/early_fraud_warnings", json={"payment_intent": intent.id})
    control.post(f"/sandbox/stripe/payment_methods/{card}/automatically_update", json={"exp_year": 2033})
    assert types(client)[-2:] == ["radar.early_fraud_warning.created", "payment_method.automatically_updated"]
    assert client.v1.payment_methods.retrieve(card).card.exp_year == 2033


def test_events_are_found_by_type_and_time(
    client: stripe.StripeClient, charge: Charge, attach: Attach, control: httpx.Client
) -> None:
    charge(attach("pm_card_visa"), key="charge:1")
    wanted: Any = {"types": ["payment_intent.succeeded", "payment_intent.payment_failed"]}
    (event,) = client.v1.events.list(params=wanted).data
    assert event.request.idempotency_key == "charge:1"
    assert event.api_version == "2026-10-28.endive"
    assert event.data.object.status == "succeeded"
    assert client.v1.events.retrieve(event.id).type == "payment_intent.succeeded"
    assert client.v1.events.list(params={**wanted, "created": {"gte": event.created + 100}}).data == []
    assert client.v1.events.list(params={**wanted, "created": {"gte": event.created}}).data
    control.post("/sandbox/clock", json={"advance_seconds": 31 * 86_400})
    assert client.v1.events.list(params=wanted).data == []


def test_an_event_contains_the_object_at_its_time(
    client: stripe.StripeClient, customer: stripe.Customer, attach: Attach
) -> None:
    intent = client.v1.payment_intents.create(params={"amount": 500, "currency": "eur", "customer": customer.id})
    client.v1.payment_intents.cancel(intent.id)
    (event,) = client.v1.events.list(params={"type": "payment_intent.created"}).data
    assert event.data.object.status == "requires_payment_method"
