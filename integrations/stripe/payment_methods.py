from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.results import PaymentMethod, payment_method


def attach(*, payment_method_id: str, customer_id: str, idempotency_key: str) -> PaymentMethod:
    """Attach a card to a customer, so that it can be charged without the customer.

    For a test alias such as ``pm_card_visa`` the result has another id. Raises ``CardDeclined``, and ``InvalidRequest``
    if the card does not exist, was detached or belongs to another customer.
    """
    with stripe_errors():
        attached = client().v1.payment_methods.attach(
            payment_method_id,
            params={"customer": customer_id},
            options={"idempotency_key": idempotency_key},
        )
        return payment_method(attached)


def retrieve(*, payment_method_id: str) -> PaymentMethod:
    """Read a card. Raises ``InvalidRequest`` (``resource_missing``) if it does not exist."""
    with stripe_errors():
        return payment_method(client().v1.payment_methods.retrieve(payment_method_id))


def detach(*, payment_method_id: str) -> None:
    """Detach a card from its customer, for good. Raises ``InvalidRequest`` if it is not attached."""
    with stripe_errors():
        client().v1.payment_methods.detach(payment_method_id)
