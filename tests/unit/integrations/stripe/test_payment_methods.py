from __future__ import annotations

import pytest

from integrations.stripe import payment_methods
from integrations.stripe.errors import CardDeclined, InvalidRequest
from integrations.stripe.results import PaymentMethod
from tests.support.sandboxes import StripeSandbox


@pytest.fixture
def customer(stripe_sandbox: StripeSandbox) -> str:
    return str(stripe_sandbox.api("POST", "/v1/customers")["id"])


def attach(customer: str, card: str = "pm_card_visa", *, key: str = "attach") -> PaymentMethod:
    return payment_methods.attach(payment_method_id=card, customer_id=customer, idempotency_key=key)


def test_a_card_is_attached_once_for_each_key(stripe_sandbox: StripeSandbox, customer: str) -> None:
    first = attach(customer)
    assert attach(customer) == first
    assert first.customer_id == customer
    assert [card["id"] for card in stripe_sandbox.objects(f"customers/{customer}/payment_methods")] == [first.id]
    assert payment_methods.retrieve(payment_method_id=first.id) == first


def test_the_bank_may_decline_a_card(customer: str) -> None:
    with pytest.raises(CardDeclined):
        attach(customer, "pm_card_chargeDeclined")


def test_a_card_of_another_customer_cannot_be_attached(stripe_sandbox: StripeSandbox, customer: str) -> None:
    card = attach(customer)
    other = stripe_sandbox.api("POST", "/v1/customers")["id"]
    with pytest.raises(InvalidRequest):
        attach(other, card.id, key="another")
    assert payment_methods.retrieve(payment_method_id=card.id).customer_id == customer


@pytest.mark.parametrize("call", ["attach", "retrieve"])
def test_an_unknown_card_is_an_invalid_request(customer: str, call: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        attach(customer, "pm_unknown") if call == "attach" else payment_methods.retrieve(payment_method_id="pm_unknown")
    assert caught.value.code == "resource_missing"
