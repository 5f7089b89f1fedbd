from __future__ import annotations

import pytest

from integrations.stripe import customers
from integrations.stripe.errors import InvalidRequest
from tests.support.sandboxes import StripeSandbox


def create_customer(key: str = "customer:1") -> str:
    return customers.create(email="ada@example.com", name="Ada", metadata={"customer": "1"}, idempotency_key=key).id


def test_a_customer_is_created_once_per_key(stripe_sandbox: StripeSandbox) -> None:
    customer_id = create_customer()
    assert create_customer() == customer_id
    [created] = stripe_sandbox.objects("customers")
    assert (created["id"], created["email"], created["metadata"]) == (customer_id, "ada@example.com", {"customer": "1"})


def test_a_deleted_customer_is_recognized(stripe_sandbox: StripeSandbox) -> None:
    customer_id = create_customer()
    assert not customers.is_deleted(customer_id=customer_id)
    stripe_sandbox.api("DELETE", f"/v1/customers/{customer_id}")
    assert customers.is_deleted(customer_id=customer_id)


def test_a_customer_that_stripe_never_had_is_not_deleted(stripe_sandbox: StripeSandbox) -> None:
    assert not customers.is_deleted(customer_id="cus_unknown")


def test_a_customer_is_deleted_once(stripe_sandbox: StripeSandbox) -> None:
    customer_id = create_customer()
    assert customers.delete(customer_id=customer_id)
    assert customers.is_deleted(customer_id=customer_id)
    assert not customers.delete(customer_id=customer_id)


def test_a_customer_that_stripe_never_had_cannot_be_deleted(stripe_sandbox: StripeSandbox) -> None:
    with pytest.raises(InvalidRequest):
        customers.delete(customer_id="cus_unknown")


def test_customers_are_found_by_address_and_metadata(stripe_sandbox: StripeSandbox) -> None:
    first = create_customer()
    second = create_customer(key="customer:1:2")
    customers.create(email="ada@example.com", name="Ada", metadata={"customer": "2"}, idempotency_key="customer:2")
    assert set(customers.ids_of(email="ada@example.com", key="customer", value="1")) == {first, second}
    assert customers.ids_of(email="bob@example.com", key="customer", value="1") == []
