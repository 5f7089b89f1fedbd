from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.results import PaymentMethod, payment_method


def attach(*, payment_method_id: str, customer_id: str, idempotency_key: str) -> PaymentMethod:
    """Save a card to a customer, so that it can be charged while the customer is away.

    The answer's id differs from the one asked for where that was a test alias (``pm_card_visa``). Raises
    ``CardDeclined``, and ``InvalidRequest`` for a card that does not exist, was detached, or is another
    customer's.
    """
    with stripe_errors():
        attached = client().v1.payment_methods.attach(
            payment_method_id,
            params={"customer": customer_id},
            options={"idempotency_key": idempotency_key},
        )
        return payment_method(attached)


def retrieve(*, payment_method_id: str) -> PaymentMethod:
    """Read a card. Raises ``InvalidRequest`` (``resource_missing``) where there is none."""
    with stripe_errors():
        return payment_method(client().v1.payment_methods.retrieve(payment_method_id))
