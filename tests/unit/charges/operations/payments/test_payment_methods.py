"""A customer and each payment method exist once at Stripe, and are created again only if Stripe deleted them."""

from __future__ import annotations

import pytest

from charges.models import SavedPaymentMethod, StripeCustomer
from charges.operations.payments import payment_methods
from charges.operations.payments.payment_methods import (
    AttachedPaymentMethod,
    CustomerWasDeleted,
    UnusablePaymentMethod,
    ensure_payment_method,
)
from integrations.errors import ProviderUnclear
from integrations.stripe.errors import CardDeclined, InvalidRequest
from subscriptions.models import Customer
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.factories import make_customer
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann() -> Customer:
    return make_customer()


def ensure(customer: Customer, payment_method: str = "pm_card_visa") -> AttachedPaymentMethod:
    return ensure_payment_method(customer=customer, payment_method=payment_method, at=NOW)


def test_the_customer_is_created_and_the_card_attached_once(stripe_sandbox: StripeSandbox, ann: Customer) -> None:
    first = ensure(ann)
    [customer] = stripe_sandbox.objects("customers")
    assert (customer["id"], customer["email"], customer["name"]) == (first.stripe_customer_id, ann.email, "Ann Lee")
    assert customer["metadata"] == {"customer": str(ann.pk)}
    [card] = stripe_sandbox.objects(f"customers/{first.stripe_customer_id}/payment_methods")
    assert card["id"] == first.payment_method_id
    requests = len(stripe_sandbox.requests())
    assert (ensure(ann), len(stripe_sandbox.requests())) == (first, requests)


def test_another_card_is_attached_to_the_same_customer(stripe_sandbox: StripeSandbox, ann: Customer) -> None:
    first, second = ensure(ann), ensure(ann, "pm_card_mastercard")
    assert first.stripe_customer_id == second.stripe_customer_id
    assert first.payment_method_id != second.payment_method_id
    assert (StripeCustomer.objects.count(), SavedPaymentMethod.objects.count()) == (1, 2)


def test_concurrent_orders_create_one_customer(stripe_sandbox: StripeSandbox, ann: Customer) -> None:
    results = at_once(lambda: ensure(ann), lambda: ensure(ann, "pm_card_mastercard"), times=2)
    assert len(stripe_sandbox.objects("customers")) == 1
    assert len(set(results)) == 2


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/payment_methods/*/attach"])
def test_a_lost_response_is_repeated_without_a_second_effect(
    stripe_sandbox: StripeSandbox, ann: Customer, path: str
) -> None:
    stripe_sandbox.faults({"path": path, "method": "POST", "kind": "drop_after_effect", "times": 1})
    with pytest.raises(ProviderUnclear):
        ensure(ann)
    attached = ensure(ann)
    assert [customer["id"] for customer in stripe_sandbox.objects("customers")] == [attached.stripe_customer_id]
    assert len(stripe_sandbox.objects(f"customers/{attached.stripe_customer_id}/payment_methods")) == 1


def test_a_declined_card_is_a_decline(stripe_sandbox: StripeSandbox, ann: Customer) -> None:
    with pytest.raises(CardDeclined):
        ensure(ann, "pm_card_chargeDeclined")


def test_an_unknown_card_and_the_card_of_another_customer_are_unusable(
    stripe_sandbox: StripeSandbox, ann: Customer
) -> None:
    others = ensure(make_customer(email="bob@example.com")).payment_method_id
    for card in ("pm_unknown", others):
        with pytest.raises(UnusablePaymentMethod):
            ensure(ann, card)


def test_a_customer_who_was_deleted_at_stripe_is_created_again(stripe_sandbox: StripeSandbox, ann: Customer) -> None:
    deleted = ensure(ann).stripe_customer_id
    stripe_sandbox.api("DELETE", f"/v1/customers/{deleted}")

    with pytest.raises(CustomerWasDeleted):
        ensure(ann, "pm_card_mastercard")
    assert StripeCustomer.objects.get().stripe_id is None

    again = ensure(ann, "pm_card_mastercard")
    assert again.stripe_customer_id != deleted
    assert ensure(ann).stripe_customer_id == again.stripe_customer_id, "the first card is attached again as well"


def test_a_customer_whom_another_account_does_not_know_is_not_forgotten(
    stripe_sandbox: StripeSandbox, ann: Customer
) -> None:
    ensure(ann)
    StripeCustomer.objects.update(stripe_id="cus_of_another_account")
    with pytest.raises(InvalidRequest):
        ensure(ann, "pm_card_mastercard")
    assert StripeCustomer.objects.get().stripe_id == "cus_of_another_account"


def test_a_late_caller_does_not_forget_the_new_customer(stripe_sandbox: StripeSandbox, ann: Customer) -> None:
    current = ensure(ann)
    payment_methods._forget(customer=ann, stripe_customer_id="cus_deleted_before")
    assert StripeCustomer.objects.get().stripe_id == current.stripe_customer_id
    assert SavedPaymentMethod.objects.get().stripe_id == current.payment_method_id


@pytest.mark.parametrize(("code", "param"), [("resource_missing", "payment_method"), ("parameter_invalid", "customer")])
def test_other_errors_of_the_request_pass_unchanged(
    stripe_sandbox: StripeSandbox, ann: Customer, code: str, param: str
) -> None:
    stripe_id = ensure(ann).stripe_customer_id
    error = InvalidRequest("no", code=code, param=param)
    with (
        pytest.raises(InvalidRequest) as caught,
        payment_methods.forget_if_deleted(customer=ann, stripe_customer_id=stripe_id),
    ):
        raise error
    assert caught.value is error
    assert StripeCustomer.objects.get().stripe_id == stripe_id


def test_a_customer_that_stripe_does_not_have_is_not_updated(
    transactional_db: None, stripe_sandbox: StripeSandbox
) -> None:
    payment_methods.update_stripe_customer(customer_id=make_customer().pk)
    assert stripe_sandbox.records("requests") == []


def test_a_customer_that_was_deleted_at_stripe_is_forgotten_by_an_update(
    transactional_db: None, stripe_sandbox: StripeSandbox
) -> None:
    ann = make_customer()
    payment_methods.ensure_payment_method(customer=ann, payment_method="pm_card_visa", at=NOW)
    stripe_id = StripeCustomer.objects.get().stripe_id
    stripe_sandbox.api("DELETE", f"/v1/customers/{stripe_id}")
    for _ in range(2):
        payment_methods.update_stripe_customer(customer_id=ann.pk)
    assert StripeCustomer.objects.get().stripe_id is None
