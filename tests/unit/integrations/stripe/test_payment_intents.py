from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from integrations.stripe import payment_intents
from integrations.stripe.errors import CardDeclined, IntentStateChanged
from integrations.stripe.results import PaymentIntent
from tests.support.sandboxes import StripeSandbox


def attach(sandbox: StripeSandbox, card: str) -> tuple[str, str]:
    """A new customer with this card: their ids."""
    customer = sandbox.api("POST", "/v1/customers")["id"]
    return customer, sandbox.api("POST", f"/v1/payment_methods/{card}/attach", customer=customer)["id"]


def create(customer: str, card: str) -> PaymentIntent:
    return payment_intents.create(
        amount=1290, currency="EUR", customer_id=customer, payment_method_id=card, metadata={}, idempotency_key="create"
    )


def confirm(intent: PaymentIntent, key: str = "confirm") -> PaymentIntent:
    return payment_intents.confirm(
        payment_intent_id=intent.id, payment_method_id=intent.payment_method_id, idempotency_key=key
    )


def test_creating_an_intent_moves_no_money_and_confirming_does(stripe_sandbox: StripeSandbox) -> None:
    intent = create(*attach(stripe_sandbox, "pm_card_visa"))
    assert (intent.status, stripe_sandbox.objects("charges")) == ("requires_confirmation", [])
    confirmed = confirm(intent)
    assert (confirmed.status, confirmed.amount, confirmed.currency) == ("succeeded", 1290, "EUR")
    assert payment_intents.retrieve(payment_intent_id=intent.id) == confirmed


def test_a_paid_intent_can_neither_be_confirmed_nor_canceled(stripe_sandbox: StripeSandbox) -> None:
    intent = create(*attach(stripe_sandbox, "pm_card_visa"))
    confirm(intent)
    with pytest.raises(IntentStateChanged):
        confirm(intent, key="another")
    with pytest.raises(IntentStateChanged):
        payment_intents.cancel(payment_intent_id=intent.id)
    assert len(stripe_sandbox.objects("charges")) == 1


def test_a_canceled_intent_cannot_be_paid(stripe_sandbox: StripeSandbox) -> None:
    intent = create(*attach(stripe_sandbox, "pm_card_visa"))
    assert payment_intents.cancel(payment_intent_id=intent.id).status == "canceled"
    with pytest.raises(IntentStateChanged):
        confirm(intent)


def test_a_declined_card_is_an_outcome_with_its_intent(stripe_sandbox: StripeSandbox) -> None:
    intent = create(*attach(stripe_sandbox, "pm_card_chargeCustomerFail"))
    with pytest.raises(CardDeclined) as caught:
        confirm(intent)
    assert caught.value.decline.code == "card_declined"
    assert caught.value.intent is not None and caught.value.intent.id == intent.id


def test_the_browser_gets_the_secret_and_its_repr_hides_it(stripe_sandbox: StripeSandbox) -> None:
    intent = create(*attach(stripe_sandbox, "pm_card_visa"))
    browser = payment_intents.for_browser(payment_intent_id=intent.id)
    assert browser.client_secret.startswith(f"{intent.id}_secret_")
    assert browser.client_secret not in repr(browser)


def test_a_customers_intents_are_listed(stripe_sandbox: StripeSandbox) -> None:
    customer, card = attach(stripe_sandbox, "pm_card_visa")
    intent = create(customer, card)
    hour = dt.timedelta(hours=1)
    listed = payment_intents.of_customer(customer_id=customer, since=timezone.now() - hour)
    assert [found.id for found in listed] == [intent.id]
    assert list(payment_intents.of_customer(customer_id=customer, since=timezone.now() + hour)) == []
