from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import ProviderError
from integrations.stripe import setup_intents
from integrations.stripe.errors import IntentStateChanged
from integrations.stripe.results import PaymentIntent
from tests.support.sandboxes import StripeSandbox


def test_an_intent_saves_one_card_for_later_and_has_no_customer(stripe_sandbox: StripeSandbox) -> None:
    created = setup_intents.create()
    [intent] = stripe_sandbox.objects("setup_intents")
    assert (intent["id"], intent["usage"], intent["customer"]) == (created.id, "off_session", None)
    assert intent["payment_method_types"] == ["card"]
    assert created.client_secret.startswith(f"{created.id}_secret_")


def test_the_secret_is_not_in_the_text_of_the_object(stripe_sandbox: StripeSandbox) -> None:
    created = setup_intents.create()
    assert created.client_secret not in repr(created)


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "error", "status": 500}, {"kind": "non_json"}], ids=str)
def test_a_failure_of_stripe_is_a_provider_error(stripe_sandbox: StripeSandbox, fault: dict[str, Any]) -> None:
    stripe_sandbox.faults(fault)
    with pytest.raises(ProviderError):
        setup_intents.create()


def attach(sandbox: StripeSandbox, card: str) -> tuple[str, str]:
    """A new customer with this card: their ids."""
    customer = sandbox.api("POST", "/v1/customers")["id"]
    return customer, sandbox.api("POST", f"/v1/payment_methods/{card}/attach", customer=customer)["id"]


def create_for(customer: str, card: str, key: str = "create") -> PaymentIntent:
    return setup_intents.create_for_customer(
        customer_id=customer, payment_method_id=card, metadata={"charge": "c1"}, idempotency_key=key
    )


def confirm(intent: PaymentIntent, key: str = "confirm") -> PaymentIntent:
    return setup_intents.confirm(
        payment_intent_id=intent.id, payment_method_id=intent.payment_method_id, idempotency_key=key
    )


def test_the_intent_of_a_customer_is_created_unconfirmed_and_costs_nothing(stripe_sandbox: StripeSandbox) -> None:
    customer, card = attach(stripe_sandbox, "pm_card_visa")

    intent = create_for(customer, card)

    assert (intent.status, intent.amount, intent.currency) == ("requires_confirmation", 0, "")
    assert create_for(customer, card) == intent, "the key repeats the response"
    confirmed = confirm(intent)
    assert (confirmed.status, confirmed.payment_method_id) == ("succeeded", card)
    assert setup_intents.retrieve(payment_intent_id=intent.id) == confirmed
    since = timezone.now() - dt.timedelta(hours=1)
    (listed,) = setup_intents.of_customer(customer_id=customer, since=since)
    assert (listed.id, listed.metadata) == (intent.id, {"charge": "c1"})
    assert stripe_sandbox.objects("charges") == []


def test_the_same_card_number_has_the_same_fingerprint(stripe_sandbox: StripeSandbox) -> None:
    cards = ("pm_card_visa", "pm_card_visa", "pm_card_mastercard")
    marks = [
        confirm(create_for(*attach(stripe_sandbox, card), key=f"c{number}"), key=f"k{number}").fingerprint
        for number, card in enumerate(cards)
    ]
    assert marks[0] == marks[1] != ""
    assert marks[2] not in ("", marks[0])


def test_a_closed_intent_can_neither_be_confirmed_nor_canceled(stripe_sandbox: StripeSandbox) -> None:
    intent = create_for(*attach(stripe_sandbox, "pm_card_visa"))
    assert setup_intents.cancel(payment_intent_id=intent.id).status == "canceled"
    with pytest.raises(IntentStateChanged):
        confirm(intent)
    with pytest.raises(IntentStateChanged):
        setup_intents.cancel(payment_intent_id=intent.id)


def test_a_failed_authentication_is_the_last_error(stripe_sandbox: StripeSandbox) -> None:
    intent = create_for(*attach(stripe_sandbox, "pm_card_authenticationRequiredOnSetup"))
    assert confirm(intent).status == "requires_action"
    shown = setup_intents.for_browser(payment_intent_id=intent.id)
    assert shown.client_secret.startswith(f"{intent.id}_secret_")
    stripe_sandbox.authenticate(intent.id, "fail")

    failed = setup_intents.retrieve(payment_intent_id=intent.id)

    assert (failed.status, failed.declined_payment_method_id) == ("requires_payment_method", intent.payment_method_id)
    assert failed.decline is not None
    assert failed.decline.code == "setup_intent_authentication_failure"
