from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.errors import InvalidRequest
from integrations.stripe.results import as_mapping


def create(*, email: str, name: str, metadata: dict[str, str], idempotency_key: str) -> str:
    """Make a customer at Stripe and return its id."""
    with stripe_errors():
        made = client().v1.customers.create(
            params={"email": email, "name": name, "metadata": metadata},
            options={"idempotency_key": idempotency_key},
        )
        return str(as_mapping(made)["id"])


def is_deleted(*, customer_id: str) -> bool:
    """Whether Stripe had this customer and it was deleted. False where our key's account never had one of this id."""
    try:
        with stripe_errors():
            return bool(as_mapping(client().v1.customers.retrieve(customer_id)).get("deleted"))
    except InvalidRequest:
        return False
