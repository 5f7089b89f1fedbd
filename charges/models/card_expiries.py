"""The warnings that a saved card expires."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid6 import uuid7

from charges.models.payments import SavedPaymentMethod


class CardExpiryWarning(models.Model):
    """A customer is warned once that a card expires. The row is the claim: it is written with the message to send.

    If the card network extends the card, it has another expiry, of which the customer is warned again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment_method = models.ForeignKey(SavedPaymentMethod, on_delete=models.CASCADE, related_name="+")
    exp_year = models.PositiveSmallIntegerField()
    exp_month = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["payment_method", "exp_year", "exp_month"], name="card_expiry_warned_once"
            ),
            models.CheckConstraint(condition=Q(exp_month__gte=1, exp_month__lte=12), name="card_expires_in_a_month"),
        ]

    def __str__(self) -> str:
        return f"{self.exp_month:02}/{self.exp_year}"
