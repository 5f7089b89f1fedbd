from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.errors import InvalidRequest
from integrations.stripe.results import Customer, as_mapping, customer

PAGE = 100  # Stripe's maximum


def create(*, email: str, name: str, metadata: dict[str, str], idempotency_key: str) -> Customer:
    """Create a customer at Stripe."""
    with stripe_errors():
        created = client().v1.customers.create(
            params={"email": email, "name": name, "metadata": metadata},
            options={"idempotency_key": idempotency_key},
        )
        return customer(created)


def is_deleted(*, customer_id: str) -> bool:
    """Whether this customer was deleted at Stripe. False if the account never had a customer with this id."""
    try:
        with stripe_errors():
            return bool(as_mapping(client().v1.customers.retrieve(customer_id)).get("deleted"))
    except InvalidRequest:
        return False


def update(*, customer_id: str, email: str, name: str) -> None:
    """Give the customer at Stripe this address and name. Raises ``InvalidRequest`` if it was deleted."""
    with stripe_errors():
        client().v1.customers.update(customer_id, params={"email": email, "name": name})


def delete(*, customer_id: str) -> bool:
    """Delete the customer at Stripe with its cards, for good. Returns False if it was deleted before.

    Raises ``InvalidRequest`` if the account never had such a customer.
    """
    try:
        with stripe_errors():
            client().v1.customers.delete(customer_id)
    except InvalidRequest as error:
        if error.code != "resource_missing" or not is_deleted(customer_id=customer_id):
            raise
        return False
    return True


def ids_of(*, email: str, key: str, value: str) -> list[str]:
    """The ids of the customers with this address, at most 100, whose metadata has this value under ``key``.

    Stripe's list is up to date, unlike its search (docs.stripe.com/api/customers/list).
    """
    with stripe_errors():
        page = as_mapping(client().v1.customers.list(params={"email": email, "limit": PAGE}))
        found = [as_mapping(entry) for entry in page["data"]]
        return [str(entry["id"]) for entry in found if as_mapping(entry["metadata"]).get(key) == value]
