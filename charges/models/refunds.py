"""Money that goes back to a customer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid6 import uuid7

from charges.models.payments import Charge, RemoteObject
from subscriptions.money import formatted


class Refund(RemoteObject):
    """One refund command, or a refund that somebody made at Stripe without us. Its object at Stripe is a refund.

    While pending or succeeded its amount is part of its charge's ``amount_refunded``, which a constraint keeps within
    what was paid.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending: asked for, or on its way to the bank"
        SUCCEEDED = "succeeded"
        FAILED = "failed", "Failed: refused, or come back from the bank; the money is ours still"
        CANCELED = "canceled"

    class Reason(models.TextChoices):
        DUPLICATE = "duplicate"
        FRAUDULENT = "fraudulent"
        REQUESTED_BY_CUSTOMER = "requested_by_customer"

    class Origin(models.TextChoices):
        STAFF = "staff"
        SHOP = "shop", "Shop: money that came for an order that was canceled"
        STRIPE = "stripe", "Stripe: made there, not by us"

    # While one of these, the amount counts as refunded.
    COUNTED = (Status.PENDING, Status.SUCCEEDED)

    KEY = "refund:{id}"
    ID_FIELD = "stripe_id"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds")
    amount = models.PositiveIntegerField(help_text="In minor units of the charge's currency.")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    reason = models.CharField(max_length=30, choices=Reason, blank=True)
    origin = models.CharField(max_length=10, choices=Origin)
    note = models.CharField(max_length=500, blank=True, help_text="For staff; nobody else reads it.")
    stripe_id = models.CharField(max_length=255, unique=True, null=True, default=None)  # noqa: DJ001
    failure_code = models.CharField(max_length=100, blank=True, help_text="Stripe's, where it failed.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, default=None, on_delete=models.PROTECT, related_name="+"
    )
    command_key = models.CharField(
        max_length=255, blank=True, help_text="The Idempotency-Key of the command, or what made the shop refund."
    )
    command_hash = models.CharField(max_length=64, blank=True, help_text="Of the command's body.")
    requested_at = models.DateTimeField(db_default=Now())
    succeeded_at = models.DateTimeField(null=True, default=None)
    failed_at = models.DateTimeField(null=True, default=None)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_of_something"),
            models.UniqueConstraint(
                fields=["requested_by", "command_key"],
                condition=~Q(command_key=""),
                nulls_distinct=False,
                name="refund_command_once",
            ),
            models.CheckConstraint(
                condition=~Q(status="succeeded") | Q(succeeded_at__isnull=False, stripe_id__isnull=False),
                name="succeeded_refund_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["failed", "canceled"]) | Q(failed_at__isnull=False),
                name="failed_refund_has_its_time",
            ),
        ]
        indexes = [models.Index(fields=["status", "requested_at"], name="refund_by_status")]

    def __str__(self) -> str:
        return f"{formatted(amount=self.amount, currency=self.charge.currency)} back for {self.charge.order}"
