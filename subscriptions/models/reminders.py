"""The reminders that were sent ahead of the end of a period."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.models.subscriptions import Subscription


class Reminder(models.Model):
    """A reminder of one boundary of a subscription. The row is the claim: it is written with the message to send.

    A subscription is reminded once for each kind, boundary and lead. If the boundary moves, it is another boundary.
    """

    class Kind(models.TextChoices):
        TRIAL_ENDING = "trial_ending", "The trial ends"
        RENEWAL = "renewal", "The subscription renews"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="reminders")
    kind = models.CharField(max_length=20, choices=Kind)
    boundary = models.DateTimeField(help_text="When the next period begins.")
    lead_days = models.PositiveSmallIntegerField(help_text="The plan's number of days when the reminder was due.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "kind", "boundary", "lead_days"], name="reminder_once_per_boundary_and_lead"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
