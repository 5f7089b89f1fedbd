"""The billing periods of subscriptions."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from uuid6 import uuid7

from subscriptions.models.subscriptions import Subscription


class BillingPeriod(models.Model):
    """One period of a subscription, half-open: ``[start, end)``. The row is written when the period begins.

    The periods of a subscription are numbered from 0, without a gap. Each one begins when the one before it ends.
    """

    class Outcome(models.TextChoices):
        TRIAL = "trial", "Trial: nothing is charged"
        DUE = "due", "Due: its order is about to be placed"
        BILLED = "billed", "Billed: it has an order"
        SKIPPED = "skipped", "Skipped by the customer"
        MISSED = "missed", "Missed: the shop was down when it began and ended"
        UNPAID = "unpaid", "Unpaid: not billed, because an earlier order was not paid"
        GAP = "gap", "Gap: the subscription was paused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="periods")
    number = models.PositiveIntegerField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    at = models.DateTimeField(help_text="When the outcome was recorded.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "number"], name="period_number_once"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="period_ends_after_its_start"),
        ]
        indexes = [
            # A small part of the table: the sweep looks for periods whose order was not placed.
            models.Index(fields=["at"], condition=Q(outcome="due"), name="period_due"),
        ]

    def __str__(self) -> str:
        return f"period {self.number}"
