from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.errors import InvalidRequest
from integrations.stripe.results import Customer, as_mapping, customer


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
