"""Process Stripe's events about saved cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charges.models import SavedPaymentMethod
from charges.operations.payments import cards


def process_payment_method_event(payment_method: Mapping[str, Any]) -> str:
    """Read the card again at Stripe, because the card network replaced it. Nothing is charged, and no dunning restarts.

    Returns the outcome. Raises ``Busy`` and the errors of Stripe.
    """
    saved = SavedPaymentMethod.objects.filter(stripe_id=payment_method["id"]).first()
    if saved is None:
        return "ignored: not one of our payment methods"
    if saved.removed_at is not None:
        return "ignored: the customer removed it"
    cards.read_card(saved_payment_method_id=saved.pk, stripe_id=payment_method["id"])
    return "card details updated"
