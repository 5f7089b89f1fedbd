from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.errors import InvalidRequest
from integrations.stripe.results import Customer, as_mapping, customer


def create(*, email: str, name: str, metadata: dict[str, str], idempotency_key: str) -> Customer:
    """Create a customer at Stripe."""
    with stripe_errors():
        made = client().v1.customers.create(
            params={"email": email, "name": name, "metadata": metadata},
            options={"idempotency_key": idempotency_key},
        )
        return customer(made)


def is_deleted(*, customer_id: str) -> bool:
    """Whether Stripe had this customer and it was deleted. False where our key's account never had one of this id."""
    try:
        with stripe_errors():
            return bool(as_mapping(client().v1.customers.retrieve(customer_id)).get("deleted"))
    except InvalidRequest:
        return False
