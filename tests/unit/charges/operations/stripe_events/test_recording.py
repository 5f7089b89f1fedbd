from __future__ import annotations

from typing import Any

import pytest

from charges.models import Charge, SavedPaymentMethod, StripeCustomer
from charges.operations.stripe_events import recording
from integrations.inbox.models import WebhookEvent
from integrations.stripe.webhooks import StripeEvent
from tests.support.days import NOW
from tests.support.factories import paid_charge
from tests.support.sandboxes import StripeSandbox
from tests.support.stripe_events import process_event, stripe_events

pytestmark = pytest.mark.django_db(transaction=True)


def event(named: dict[str, Any], id: str = "evt_1") -> StripeEvent:
    payload = {"id": id, "object": "event", "type": "x", "account": "acct_1", "data": {"object": named}}
    return StripeEvent(id=id, type="x", payload=payload)


def erase(charge: Charge) -> None:
    customer = charge.order.customer
    customer.erased_at, customer.email_key, customer.user = NOW, customer.placeholder, None
    customer.save()


def stored() -> Any:
    return WebhookEvent.objects.get().payload["data"]["object"]


def test_an_event_about_a_customer_is_stored_whole(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    named = {"id": charge.payment_intent_id, "receipt_email": "ada@example.com"}
    assert recording.record(events=[event(named)]) == 1
    assert stored() == named
    assert recording.record(events=[event(named)]) == 0


@pytest.mark.parametrize("names", ["intent", "payment_intent", "customer", "expanded", "card"])
def test_of_an_event_about_an_erased_customer_only_ids_are_stored(stripe_sandbox: StripeSandbox, names: str) -> None:
    charge = paid_charge()
    erase(charge)
    customer = StripeCustomer.objects.get().stripe_id
    named: dict[str, Any] = {
        "intent": {"id": charge.payment_intent_id, "metadata": {"charge": str(charge.pk), "note": "Lovelace"}},
        "payment_intent": {"id": "re_1", "payment_intent": charge.payment_intent_id},
        "customer": {"id": "ch_1", "customer": customer},
        "expanded": {"id": "ch_1", "customer": {"id": customer, "email": "ada@example.com"}},
        "card": {"id": SavedPaymentMethod.objects.get().stripe_id},
    }[names]
    recording.record(events=[event({**named, "billing_details": {"name": "Ada Lovelace"}})])
    row = WebhookEvent.objects.get()
    assert row.type == "x"
    assert "lovelace" not in str(row.payload).lower() and "example.com" not in str(row.payload)
    assert stored()["id"] == named["id"]
    if names == "intent":
        assert stored()["metadata"] == {"charge": str(charge.pk)}


def test_a_shortened_event_can_be_processed(stripe_sandbox: StripeSandbox) -> None:
    erase(paid_charge())
    [succeeded] = stripe_events(stripe_sandbox, "payment_intent.succeeded")
    recording.record(events=[StripeEvent(id=succeeded["id"], type=succeeded["type"], payload=succeeded)])
    assert process_event(WebhookEvent.objects.get()) == "charge succeeded before"


def test_stored_events_are_shortened_afterwards(stripe_sandbox: StripeSandbox) -> None:
    mine, others = paid_charge(), paid_charge()
    recording.record(
        events=[
            event({"id": mine.payment_intent_id, "receipt_email": "ada@example.com"}),
            event({"id": "du_1", "payment_intent": mine.payment_intent_id, "evidence": "ada@example.com"}, id="evt_2"),
            event({"id": others.payment_intent_id, "receipt_email": "bob@example.com"}, id="evt_3"),
        ]
    )
    assert recording.erase_stored(customer_id=mine.order.customer_id) == 2
    assert recording.erase_stored(customer_id=mine.order.customer_id) == 2
    payloads = {row.event_id: str(row.payload) for row in WebhookEvent.objects.all()}
    assert "ada@example.com" not in payloads["evt_1"] + payloads["evt_2"]
    assert "bob@example.com" in payloads["evt_3"]


@pytest.mark.parametrize("payload", [{}, {"data": None}, {"data": {"object": "x"}}, {"data": {"object": {}}}])
def test_odd_events_are_stored(db: None, payload: dict[str, Any]) -> None:
    recording.record(events=[StripeEvent(id="evt_1", type="x", payload=payload)])
    assert WebhookEvent.objects.get().payload == payload
    assert recording.without_personal_data(payload)["data"] == {"object": {}}
