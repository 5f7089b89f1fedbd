"""The details of saved cards: what a customer recognizes a card by, when it expires, and the mark of its number.

They are shown in messages and lists. They never decide whether a card is charged: the bank may have replaced an expired
card without telling us.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from charges.models import SavedPaymentMethod
from integrations.locks import session_lock
from integrations.stripe import payment_methods, results
from subscriptions.operations.locks import locked_customer
from subscriptions.queries import CustomerErased


@transaction.atomic
def store_card(*, saved_payment_method_id: UUID, card: results.PaymentMethod) -> None:
    """Store the details that Stripe returned, unless the customer's data was erased."""
    owner = SavedPaymentMethod.objects.values_list("customer_id", flat=True).get(pk=saved_payment_method_id)
    try:
        locked_customer(customer_id=owner)
    except CustomerErased:
        return
    SavedPaymentMethod.objects.filter(pk=saved_payment_method_id).update(
        brand=card.brand[:20],
        last4=card.last4[:4],
        fingerprint=card.fingerprint[:64],
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        failure_code="",
    )


def read_card(*, saved_payment_method_id: UUID, stripe_id: str) -> None:
    """Read the card at Stripe and store its details. Raises ``Busy`` and the errors of Stripe."""
    with session_lock(f"payment-method:{stripe_id}"):
        # Read under the lock, so that a later reading is also stored later.
        card = payment_methods.retrieve(payment_method_id=stripe_id)
        store_card(saved_payment_method_id=saved_payment_method_id, card=card)
