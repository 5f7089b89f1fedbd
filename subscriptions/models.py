"""Logins (User), customers, plans and subscriptions."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar
from uuid import uuid4

from dateutil.relativedelta import relativedelta
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from uuid6 import uuid7

from subscriptions.email_addresses import email_key
from subscriptions.money import why_not_charged


class UserManager(BaseUserManager["User"]):
    """Creates logins. The e-mail address is stored as its key, so that all spellings name the same login."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=email_key(email), **extra)
        user.set_password(password) if password else user.set_unusable_password()
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email=email_key(email or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """The login of staff or of a customer. A customer's login has no password until the customer sets one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(db_default=Now())

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_case_folded")]

    def __str__(self) -> str:
        return self.email


class Customer(models.Model):
    """A person who buys. ``email`` is stored as typed; the unique ``email_key`` finds the customer again."""

    # The checkout returns this id to anybody who buys with the address. uuid7 would show when the customer was created.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField()
    email_key = models.CharField(max_length=254, unique=True)
    name = models.CharField(max_length=200)
    phone = models.CharField(max_length=16, blank=True, help_text="E.164, such as +4915112345678.")
    locale = models.CharField(max_length=35, default="en")
    marketing_consent = models.BooleanField(default=False)
    sms_consent = models.BooleanField(default=False)
    user = models.OneToOneField(User, null=True, default=None, on_delete=models.SET_NULL, related_name="customer")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.email


class Plan(models.Model):
    """A product with a price for each billing period."""

    class Interval(models.TextChoices):
        WEEK = "week"
        MONTH = "month"
        YEAR = "year"

    class UnpaidPolicy(models.TextChoices):
        CANCEL = "cancel", "Cancel the subscription and its unpaid order"
        PAUSE = "pause", "Pause the subscription and cancel its unpaid order"
        PAST_DUE = "past_due", "Leave it past due; the customer can still pay"

    class DisputePolicy(models.TextChoices):
        CANCEL = "cancel", "Cancel the subscription"
        PAUSE = "pause", "Pause it until the dispute is won"
        KEEP = "keep", "Leave it as it is"

    code = models.SlugField(unique=True, help_text="The name in the checkout API, such as coffee-monthly.")
    name = models.CharField(max_length=100)
    amount = models.PositiveIntegerField(help_text="Per unit and period, in minor units: 1290 is 12.90 in euros.")
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    interval = models.CharField(max_length=5, choices=Interval, default=Interval.MONTH)
    interval_count = models.PositiveSmallIntegerField(default=1)
    is_digital = models.BooleanField(default=False, help_text="Nothing is shipped: a paid order is fulfilled at once.")
    needs_address = models.BooleanField(default=False, help_text="The checkout requires a shipping address.")
    is_active = models.BooleanField(default=True, help_text="Customers can buy it.")
    unpaid_policy = models.CharField(
        max_length=10,
        choices=UnpaidPolicy,
        default=UnpaidPolicy.CANCEL,
        help_text="What happens to a subscription if its order is still unpaid at the end of dunning.",
    )
    dispute_policy = models.CharField(
        max_length=10,
        choices=DisputePolicy,
        default=DisputePolicy.PAUSE,
        help_text="What happens to a subscription when one of its payments is disputed.",
    )

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="plan_costs_something"),
            models.CheckConstraint(condition=Q(interval_count__gt=0), name="plan_has_an_interval"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="plan_currency_is_iso"),
        ]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse a price that Stripe would refuse."""
        # If the amount is not a number, it is None here, and the field has its own error.
        if self.amount is not None and (reason := why_not_charged(amount=self.amount, currency=self.currency)):
            raise ValidationError({"amount": reason})

    def period_end(self, start: dt.datetime, *, periods: int = 1) -> dt.datetime:
        """The exclusive end of the period that starts at ``start``. A month from January 31 ends in February."""
        steps = self.interval_count * periods
        match self.interval:
            case Plan.Interval.WEEK:
                return start + relativedelta(weeks=steps)
            case Plan.Interval.MONTH:
                return start + relativedelta(months=steps)
            case _:
                return start + relativedelta(years=steps)


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
            models.CheckConstraint(condition=Q(quantity__gt=0), name="subscription_of_something"),
            models.CheckConstraint(
                condition=Q(current_period_end__gt=F("current_period_start")), name="subscription_period_has_length"
            ),
            models.CheckConstraint(
                condition=~Q(status="canceled") | Q(canceled_at__isnull=False),
                name="canceled_subscription_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
