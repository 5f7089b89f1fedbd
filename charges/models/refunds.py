"""Refunds of payments."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid6 import uuid7

from charges.models.payments import Charge, RemoteObject
from subscriptions.money import formatted


class Refund(RemoteObject):
    """A refund that the shop requested, or that staff created at Stripe. Its object at Stripe is a refund.

    While it is pending or succeeded, its amount is part of the charge's ``amount_refunded``. A constraint keeps that
    sum within the paid amount.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending: requested, or on its way to the bank"
        SUCCEEDED = "succeeded"
        FAILED = "failed", "Failed: rejected, or returned by the bank; the shop has the money"
        CANCELED = "canceled"

    class Reason(models.TextChoices):
        DUPLICATE = "duplicate"
        FRAUDULENT = "fraudulent"
        REQUESTED_BY_CUSTOMER = "requested_by_customer"

    class Origin(models.TextChoices):
        STAFF = "staff"
        CUSTOMER = "customer", "Customer: canceled with a refund of the unused part, or withdrew from the contract"
        SHOP = "shop", "Shop: the customer paid a canceled order"
        STRIPE = "stripe", "Stripe: created there, not by the shop"

    # While a refund has one of these statuses, its amount counts as refunded.
    COUNTED = (Status.PENDING, Status.SUCCEEDED)

    KEY = "refund:{id}"
    ID_FIELD = "stripe_id"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds")
    amount = models.PositiveIntegerField(help_text="In minor units of the charge's currency.")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    reason = models.CharField(max_length=30, choices=Reason, blank=True)
    origin = models.CharField(max_length=10, choices=Origin)
    note = models.CharField(max_length=500, blank=True, help_text="For staff only.")
    stripe_id = models.CharField(max_length=255, unique=True, null=True, default=None)  # noqa: DJ001
    failure_code = models.CharField(max_length=100, blank=True, help_text="Stripe's failure code.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, default=None, on_delete=models.PROTECT, related_name="+"
    )
    command_key = models.CharField(
        max_length=255, blank=True, help_text="The Idempotency-Key of the command, or the shop's reason to refund."
    )
    command_hash = models.CharField(max_length=64, blank=True, help_text="Hash of the command's body.")
    requested_at = models.DateTimeField(db_default=Now())
    succeeded_at = models.DateTimeField(null=True, default=None)
    failed_at = models.DateTimeField(null=True, default=None)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=~Q(origin="stripe") | Q(stripe_id__isnull=False), name="refund_made_at_stripe_has_id"
            ),
            models.UniqueConstraint(
                fields=["requested_by", "command_key"],
                condition=~Q(command_key=""),
                nulls_distinct=False,
                name="refund_command_once",
            ),
            models.CheckConstraint(
                condition=~Q(status="succeeded") | Q(succeeded_at__isnull=False, stripe_id__isnull=False),
                name="succeeded_refund_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["failed", "canceled"]) | Q(failed_at__isnull=False),
                name="failed_refund_has_time",
            ),
        ]
        indexes = [models.Index(fields=["status", "requested_at"], name="refund_by_status")]

    def __str__(self) -> str:
        return f"{formatted(amount=self.amount, currency=self.charge.currency)} back for {self.charge.order}"
