"""Payments that the cardholder's bank disputes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid6 import uuid7

from charges.models.payments import Charge


class Dispute(models.Model):
    """A dispute as Stripe last showed it. ``status`` and ``reason`` are Stripe's values."""

    class Funds(models.TextChoices):
        NOT_TAKEN = "not_taken"
        WITHDRAWN = "withdrawn", "Withdrawn: Stripe took the amount and a fee"
        REINSTATED = "reinstated", "Reinstated: Stripe returned the amount"

    # Stripe's statuses of a decided dispute.
    CLOSED = ("won", "lost", "warning_closed", "prevented")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="disputes")
    stripe_id = models.CharField(max_length=255, unique=True)
    amount = models.PositiveIntegerField(help_text="In minor units of the currency.")
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    status = models.CharField(max_length=40)
    reason = models.CharField(max_length=60)
    is_inquiry = models.BooleanField(help_text="An inquiry of the bank; no money was taken.")
    funds = models.CharField(max_length=12, choices=Funds, default=Funds.NOT_TAKEN)
    due_by = models.DateTimeField(null=True, default=None, help_text="The deadline for evidence.")
    policy_applied = models.CharField(
        max_length=10, blank=True, help_text="The effect on the subscription when the dispute was opened."
    )
    opened_at = models.DateTimeField(help_text="When it was opened at Stripe.")
    closed_at = models.DateTimeField(null=True, default=None)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["won", "lost", "warning_closed", "prevented"], closed_at__isnull=False)
                | (~Q(status__in=["won", "lost", "warning_closed", "prevented"]) & Q(closed_at=None)),
                name="closed_dispute_has_time",
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="dispute_currency_is_iso"),
        ]
        indexes = [models.Index(fields=["due_by"], condition=Q(closed_at=None), name="dispute_open_by_due")]

    def __str__(self) -> str:
        return self.stripe_id
