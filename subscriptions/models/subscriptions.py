"""The subscriptions of customers."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.models.accounts import Customer
from subscriptions.models.plans import Plan


class Subscription(models.Model):
    """A customer's agreement to buy a quantity of a plan each period. A period is half-open: ``[start, end)``."""

    class Status(models.TextChoices):
        INCOMPLETE = "incomplete"
        TRIALING = "trialing"
        ACTIVE = "active"
        PAST_DUE = "past_due"
        PAUSED = "paused"
        CANCELED = "canceled"

    class StatusReason(models.TextChoices):
        UNPAID = "unpaid", "Unpaid: dunning ended without a payment"
        DISPUTED = "disputed", "Disputed: the customer disputes a payment"
        STAFF = "staff", "Decided by staff"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    quantity = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.INCOMPLETE)
    payment_method = models.CharField(max_length=255, help_text="Stripe id of the payment method, from the checkout.")
    shipping_address = models.JSONField(null=True, default=None)
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    status_reason = models.CharField(
        max_length=20, blank=True, choices=StatusReason, help_text="Why it is paused or canceled."
    )
    canceled_at = models.DateTimeField(null=True, default=None)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="subscription_quantity_is_positive"),
            models.CheckConstraint(
                condition=Q(current_period_end__gt=F("current_period_start")),
                name="subscription_period_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=~Q(status="canceled") | Q(canceled_at__isnull=False),
                name="canceled_subscription_has_canceled_at",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
