"""Charges, the attempts to pay them, and the objects that the shop created at Stripe for them.

A row is committed before its object is created at Stripe; see ``RemoteObject``.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid6 import uuid7

from orders.models import Order
from subscriptions.models import Customer
from subscriptions.money import formatted


class RemoteObject(models.Model):
    """A row that has one object at Stripe, which ``operations/remote_objects.py`` creates once.

    If ``creation_requested_at`` is set and the id is not, the object may or may not exist at Stripe.
    """

    KEY: ClassVar[str]
    ID_FIELD: ClassVar[str]

    key_version = models.PositiveSmallIntegerField(default=1, help_text="Version of the idempotency key in use.")
    creation_requested_at = models.DateTimeField(
        null=True, default=None, help_text="When this key was first sent to Stripe."
    )

    class Meta:
        abstract = True

    @property
    def idempotency_key(self) -> str:
        """The key to send to Stripe; the first version has no suffix."""
        key = self.KEY.format(id=self.pk)
        return key if self.key_version == 1 else f"{key}:{self.key_version}"

    @property
    def remote_id(self) -> str | None:
        """Stripe's id of the object, or None while it is not known."""
        value: str | None = getattr(self, self.ID_FIELD)
        return value


class StripeCustomer(RemoteObject):
    """The customer at Stripe that belongs to one of our customers."""

    KEY = "customer:{id}"
    ID_FIELD = "stripe_id"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, related_name="+")
    stripe_id = models.CharField(max_length=255, unique=True, null=True, default=None)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.stripe_id or str(self.pk)


class SavedPaymentMethod(RemoteObject):
    """A payment method that is attached to its customer at Stripe.

    ``stripe_id`` equals ``payment_method_id``, except for Stripe's test aliases (``pm_card_visa``): attaching an alias
    creates a new payment method.
    """

    KEY = "payment_method:{id}:attach"
    ID_FIELD = "stripe_id"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    payment_method_id = models.CharField(max_length=255, help_text="The payment method as the checkout gave it.")
    stripe_id = models.CharField(max_length=255, unique=True, null=True, default=None)  # noqa: DJ001
    added_at = models.DateTimeField(
        null=True, default=None, help_text="When the logged-in customer added it. Empty: it came with a checkout only."
    )
    removed_at = models.DateTimeField(null=True, default=None, help_text="When the customer removed it.")
    is_default = models.BooleanField(default=False)
    brand = models.CharField(max_length=20, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Stripe's mark of the card number, the same for each use of the card."
    )
    exp_month = models.PositiveSmallIntegerField(null=True, default=None)
    exp_year = models.PositiveSmallIntegerField(null=True, default=None)
    failure_code = models.CharField(max_length=100, blank=True, help_text="Why Stripe did not attach it.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "payment_method_id"], name="payment_method_saved_once"),
            models.UniqueConstraint(
                fields=["customer"], condition=Q(is_default=True), name="one_default_payment_method"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(added_at__isnull=False, removed_at=None),
                name="default_payment_method_is_the_customers",
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id or self.payment_method_id


class Charge(RemoteObject):
    """The one payment of an order. Its object at Stripe is one PaymentIntent, which can succeed only once.

    A charge of 0 begins a trial: it takes no money and saves the card. Its object at Stripe is a SetupIntent.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending: the outcome is not known"
        PROCESSING = "processing", "Processing: the bank has not decided yet"
        REQUIRES_ACTION = "requires_action", "Requires action: the customer has to authenticate"
        SUCCEEDED = "succeeded"
        FAILED = "failed", "Failed: declined or rejected; another payment method may work"
        CANCELED = "canceled", "Canceled: its intent is canceled and cannot be paid"

    KEY = "charge:{id}:intent"
    ID_FIELD = "payment_intent_id"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="+")
    amount = models.PositiveIntegerField(help_text="In minor units of the currency. 0: the card is saved for a trial.")
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    payment_method = models.CharField(max_length=255, help_text="The payment method as the checkout gave it.")
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    payment_intent_id = models.CharField(max_length=255, unique=True, null=True, default=None)  # noqa: DJ001
    amount_refunded = models.PositiveIntegerField(
        default=0, help_text="Sum of the pending and succeeded refunds, in minor units."
    )
    stripe_charge_id = models.CharField(max_length=255, blank=True, help_text="Stripe's charge that succeeded.")
    created_at = models.DateTimeField(db_default=Now())
    succeeded_at = models.DateTimeField(null=True, default=None)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="charge_currency_is_iso"),
            models.CheckConstraint(
                condition=~Q(status="succeeded") | Q(payment_intent_id__isnull=False, succeeded_at__isnull=False),
                name="succeeded_charge_has_intent_and_time",
            ),
            models.CheckConstraint(
                condition=Q(status="succeeded") | Q(succeeded_at=None),
                name="only_succeeded_charge_has_time",
            ),
            models.CheckConstraint(
                condition=Q(amount_refunded=0) | Q(status="succeeded", amount_refunded__lte=F("amount")),
                name="refunded_at_most_paid",
            ),
            models.UniqueConstraint(
                fields=["stripe_charge_id"],
                condition=Q(status="succeeded") & ~Q(stripe_charge_id=""),
                name="charge_payment_once",
            ),
        ]
        indexes = [models.Index(fields=["status", "created_at"], name="charge_by_status")]

    def __str__(self) -> str:
        return f"{formatted(amount=self.amount, currency=self.currency)} for {self.order}"

    @property
    def saves_card(self) -> bool:
        """Whether it only saves the card, by a SetupIntent, and takes no money."""
        return self.amount == 0


class ChargeAttempt(models.Model):
    """An attempt to pay a charge: one confirmation under one idempotency key, and its outcome."""

    class Status(models.TextChoices):
        STARTED = "started", "Started: no response yet"
        UNKNOWN = "unknown", "Unknown: Stripe did not respond"
        PROCESSING = "processing"
        REQUIRES_ACTION = "requires_action"
        SUCCEEDED = "succeeded"
        DECLINED = "declined"
        REJECTED = "rejected", "Rejected: Stripe rejected the request"
        CANCELED = "canceled"
        WITHOUT_EFFECT = (
            "without_effect",
            "Without effect: its key is exhausted, and the intent shows no effect",
        )

    class Trigger(models.TextChoices):
        ORDER = "order", "Order: the order was placed, or its message sent again"
        DUNNING = "dunning", "Dunning: a step of the schedule"
        NEW_PAYMENT_METHOD = "new_payment_method", "New payment method: the customer gave another one"

    # While an attempt has one of these statuses, no other attempt may begin.
    OPEN = (Status.STARTED, Status.UNKNOWN, Status.PROCESSING, Status.REQUIRES_ACTION)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    idempotency_key = models.CharField(max_length=255, unique=True)
    payment_method = models.CharField(max_length=255, help_text="The payment method that this attempt uses.")
    trigger = models.CharField(max_length=20, choices=Trigger, default=Trigger.ORDER)
    status = models.CharField(max_length=20, choices=Status, default=Status.STARTED)
    code = models.CharField(max_length=100, blank=True)
    decline_code = models.CharField(max_length=100, blank=True)
    advice_code = models.CharField(max_length=100, blank=True)
    network_advice_code = models.CharField(max_length=20, blank=True)
    network_decline_code = models.CharField(max_length=20, blank=True)
    stripe_charge_id = models.CharField(max_length=255, blank=True)
    task_id = models.CharField(max_length=64, blank=True, help_text="The task that began the attempt.")
    started_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(
        null=True, default=None, help_text="When Stripe was first asked to confirm; empty if it never was."
    )
    finished_at = models.DateTimeField(null=True, default=None)
    outcome_checks = models.PositiveSmallIntegerField(
        default=0, help_text="How often its outcome was checked at Stripe."
    )

    class Meta:
        ordering = ["charge", "number"]
        constraints = [
            models.UniqueConstraint(fields=["charge", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["charge"],
                condition=Q(status__in=["started", "unknown", "processing", "requires_action"]),
                name="one_open_attempt",
            ),
            models.UniqueConstraint(fields=["charge"], condition=Q(status="succeeded"), name="one_succeeded_attempt"),
            models.CheckConstraint(condition=Q(number__gt=0), name="attempt_number_positive"),
            models.CheckConstraint(
                condition=Q(status__in=["started", "unknown", "processing", "requires_action"], finished_at=None)
                | (
                    ~Q(status__in=["started", "unknown", "processing", "requires_action"])
                    & Q(finished_at__isnull=False)
                ),
                name="closed_attempt_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["started_at"],
                condition=Q(status__in=["started", "unknown", "processing"]),
                name="attempt_without_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"{self.charge.order} #{self.number}"
