"""Messages to customers, addresses that get none, contacts at Brevo and Dixa, and rate limits of their APIs."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid6 import uuid7

from orders.models import Order
from subscriptions.models import Customer


class Channel(models.TextChoices):
    EMAIL = "email"
    SMS = "sms"


class Notification(models.Model):
    """One message to one customer. The row is committed before the message is sent.

    PENDING, SKIPPED and FAILED are open: the provider certainly does not have the message. SENDING: the provider may
    have it, and a retry will find out. UNKNOWN: the provider may have it, and the message is never sent again; only
    the provider's webhook can still report the outcome. See docs/adr/0006.
    """

    class Kind(models.TextChoices):
        ORDER_CONFIRMATION = "order_confirmation"
        WELCOME = "welcome", "Welcome: the receipt of a first order"
        RECEIPT = "receipt", "Receipt: a later order is paid"
        ORDER_PAID = "order_paid"
        PAYMENT_FAILED = "payment_failed"
        PAYMENT_ACTION_REQUIRED = "payment_action_required"
        PAYMENT_REMINDER = "payment_reminder"
        PAYMENT_LINK = "payment_link"
        DUNNING_EXHAUSTED = "dunning_exhausted"
        TRIAL_ENDING = "trial_ending"
        RENEWAL_REMINDER = "renewal_reminder"
        CARD_EXPIRING = "card_expiring"
        PRICE_CHANGE = "price_change"
        PLAN_CHANGED = "plan_changed"
        PLAN_CHANGE_DROPPED = "plan_change_dropped"
        CANCELLATION_RECEIVED = "cancellation_received"
        WITHDRAWAL_RECEIVED = "withdrawal_received"
        TRIAL_REFUSED = "trial_refused"
        REFUND_SUCCEEDED = "refund_succeeded"
        REFUND_FAILED = "refund_failed"
        ACCOUNT_CREATED = "account_created"
        LOGIN_MAIL = "login_mail"
        PASSWORD_CHANGED = "password_changed"
        EMAIL_CHANGE_CONFIRMATION = "email_change_confirmation"
        EMAIL_CHANGE_NOTICE = "email_change_notice"
        EMAIL_CHANGED = "email_changed"
        ACCOUNT_ERASED = "account_erased"

    class Status(models.TextChoices):
        PENDING = "pending"
        SENDING = "sending"
        SENT = "sent"
        DELIVERED = "delivered"
        BOUNCED = "bounced"
        FAILED = "failed"
        UNKNOWN = "unknown"
        SKIPPED = "skipped"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=30, choices=Kind)
    channel = models.CharField(max_length=5, choices=Channel)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, null=True, on_delete=models.PROTECT, related_name="+")
    dedup_key = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text="Distinguishes several messages of one kind about one order: attempt-2, step-3, a refund's id.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    idempotency_key = models.UUIDField(
        default=uuid.uuid4,
        help_text="The provider's idempotency key. It is replaced after an attempt that certainly failed.",
    )
    provider_message_id = models.CharField(max_length=200, blank=True)
    first_attempted_at = models.DateTimeField(
        null=True,
        default=None,
        help_text="When the key was first used. Since then the provider may have the message.",
    )
    sent_at = models.DateTimeField(null=True, default=None)
    delays = models.PositiveIntegerField(default=0, help_text="Soft bounces and deferrals that the provider reported.")
    error_code = models.CharField(
        max_length=100, blank=True, help_text="The reason for the status. Contains no personal data."
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "channel", "order", "dedup_key"], name="notification_once_per_dedup_key"
            ),
            # Messages about the account have no order, and PostgreSQL considers two missing orders different.
            models.UniqueConstraint(
                fields=["kind", "channel", "customer", "dedup_key"],
                condition=Q(order=None),
                name="account_message_once_per_dedup_key",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["sent", "delivered"]) | Q(sent_at__isnull=False),
                name="sent_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="sending") | Q(first_attempted_at__isnull=False), name="sending_has_its_time"
            ),
        ]
        indexes = [
            models.Index(fields=["status", "updated_at"], name="notification_by_status"),
            models.Index(
                fields=["provider_message_id"],
                condition=~Q(provider_message_id=""),
                name="notification_by_message",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.channel}"


class ContactSync(models.Model):
    """The state of one customer's contact at one provider.

    ``synced_at`` is empty until the provider certainly has the contact.
    """

    class Provider(models.TextChoices):
        BREVO = "brevo"
        DIXA = "dixa"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=10, choices=Provider)
    external_id = models.CharField(max_length=100, blank=True, help_text="The provider's id of the contact, if known.")
    synced_at = models.DateTimeField(null=True, default=None)
    last_error = models.CharField(max_length=100, blank=True, help_text="An error code. Contains no personal data.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "provider"], name="one_sync_per_provider")]

    def __str__(self) -> str:
        return f"{self.provider} {self.customer_id}"


class Suppression(models.Model):
    """An address that gets no more messages, and the reason that a provider reported.

    ``operations/suppressions.py`` says which reasons stop which messages.
    """

    class Reason(models.TextChoices):
        HARD_BOUNCE = "hard_bounce"
        INVALID_ADDRESS = "invalid_email"
        BLOCKED = "blocked"
        SPAM = "spam"
        UNSUBSCRIBED = "unsubscribed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(max_length=5, choices=Channel)
    address_key = models.CharField(
        max_length=254, help_text="A case-folded e-mail address, or the digits of a phone number."
    )
    reason = models.CharField(max_length=20, choices=Reason)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "address_key", "reason"], name="suppressed_once_per_reason")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.reason}"


class RateLimit(models.Model):
    """When the next call under a rate limit may begin. All workers share the row; see ``operations/rate_limits.py``."""

    name = models.CharField(primary_key=True, max_length=40)
    next_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
