"""The subscriptions of customers, what holds them, and what changed them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.actors import MAX_NAME, ActorKind
from subscriptions.billing_periods import BillingCycle, Period
from subscriptions.models.accounts import Customer
from subscriptions.models.plans import Plan
from subscriptions.models.prices import Price
from subscriptions.time_zones import MAX_TIME_ZONE


class CancelReason(models.TextChoices):
    """Why a customer cancels. The shop's own reasons are those of holds, such as ``unpaid``."""

    TOO_EXPENSIVE = "too_expensive", "Too expensive"
    NOT_USED = "not_used", "Not used enough"
    QUALITY = "quality", "The quality is too low"
    ANOTHER_SHOP = "another_shop", "Buys elsewhere"
    SERVICE = "service", "The customer service"
    OTHER = "other", "Another reason, or none given"


class Subscription(models.Model):
    """A customer's agreement to buy a quantity of a plan each period. A period is half-open: ``[start, end)``.

    Only ``operations/transitions.py`` writes ``status``.
    """

    class Status(models.TextChoices):
        INCOMPLETE = "incomplete", "Incomplete: its first order is not paid"
        TRIALING = "trialing", "Trialing: nothing is charged until the trial ends"
        ACTIVE = "active"
        PAST_DUE = "past_due", "Past due: an order is not paid"
        PAUSED = "paused", "Paused: a hold is open"
        CANCELED = "canceled", "Canceled: it has ended"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="subscriptions")
    quantity = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.INCOMPLETE)
    payment_method = models.CharField(max_length=255, help_text="Stripe id of the payment method, from the checkout.")
    shipping_address = models.JSONField(null=True, default=None)
    time_zone = models.CharField(max_length=MAX_TIME_ZONE, help_text="IANA name. Periods follow its local time.")
    anchor_at = models.DateTimeField(help_text="All later boundaries of periods are calculated from this time.")
    anchor_number = models.PositiveIntegerField(default=0, help_text="The number of the period that begins at it.")
    period_number = models.PositiveIntegerField(default=0, help_text="The number of the current period.")
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    renews_at = models.DateTimeField(null=True, default=None, help_text="When the next period begins. Empty: never.")
    canceled_at = models.DateTimeField(null=True, default=None)
    cancel_reason = models.CharField(max_length=40, blank=True, help_text="Why it was canceled.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(time_zone=""), name="subscription_has_a_time_zone"),
            models.CheckConstraint(
                condition=Q(anchor_number__lte=F("period_number") + 1), name="subscription_anchor_is_not_in_far_future"
            ),
            models.CheckConstraint(
                condition=Q(renews_at=None) | Q(renews_at=F("current_period_end")),
                name="subscription_renews_at_end_of_period",
            ),
            models.CheckConstraint(
                condition=~Q(status="canceled") | Q(renews_at=None), name="canceled_subscription_does_not_renew"
            ),
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
        indexes = [
            # The renewals that are due: a small part of the table.
            models.Index(fields=["renews_at"], condition=Q(renews_at__isnull=False), name="subscription_renewals"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def cycle(self) -> BillingCycle:
        """The periods that follow from the anchor. Its period 0 is the period ``anchor_number``."""
        return BillingCycle(anchor_at=self.anchor_at, time_zone=self.time_zone, interval=self.price.billing_interval)

    def period(self, number: int) -> Period:
        """The period with this number, which is not before ``anchor_number``."""
        return self._numbered(self.cycle.period(number - self.anchor_number))

    def period_at(self, at: dt.datetime) -> Period:
        """The period that contains the instant ``at``, which is not before the anchor."""
        return self._numbered(self.cycle.period_at(at))

    def _numbered(self, period: Period) -> Period:
        return replace(period, number=period.number + self.anchor_number)


class Hold(models.Model):
    """A reason for which a subscription is paused. The subscription is paused while at least one hold is open."""

    class Reason(models.TextChoices):
        UNPAID = "unpaid", "Unpaid: dunning ended without a payment"
        DISPUTED = "disputed", "Disputed: the customer disputes a payment"
        CUSTOMER = "customer", "Paused by the customer"
        STAFF = "staff", "Paused by staff"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="holds")
    reason = models.CharField(max_length=10, choices=Reason)
    placed_at = models.DateTimeField()
    placed_by_kind = models.CharField(max_length=10, choices=ActorKind)
    placed_by = models.CharField(max_length=MAX_NAME)
    lift_at = models.DateTimeField(null=True, default=None, help_text="When the hold ends. Empty: when it is lifted.")
    lifted_at = models.DateTimeField(null=True, default=None)
    lifted_by_kind = models.CharField(max_length=10, choices=ActorKind, blank=True)
    lifted_by = models.CharField(max_length=MAX_NAME, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "reason"], condition=Q(lifted_at=None), name="one_open_hold_per_reason"
            ),
            models.CheckConstraint(condition=Q(lift_at=None) | Q(lift_at__gt=F("placed_at")), name="hold_ends_later"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by="", lifted_by_kind="")
                | (Q(lifted_at__isnull=False) & ~Q(lifted_by="") & ~Q(lifted_by_kind="")),
                name="lifted_hold_has_its_actor",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lift_at"], condition=Q(lifted_at=None, lift_at__isnull=False), name="hold_to_be_lifted"
            )
        ]

    def __str__(self) -> str:
        return self.get_reason_display()


class SubscriptionChange(models.Model):
    """One change of a subscription: what, from which status to which, why, by whom and when. It is never edited."""

    class Kind(models.TextChoices):
        STARTED = "started"
        ACTIVATED = "activated"
        PAYMENT_FAILED = "payment_failed"
        HOLD_PLACED = "hold_placed"
        HOLD_LIFTED = "hold_lifted"
        PAYMENT_METHOD_CHANGED = "payment_method_changed"
        PAUSE_PLANNED = "pause_planned"
        CANCEL_PLANNED = "cancel_planned"
        PLAN_CHANGE_PLANNED = "plan_change_planned"
        PLANNED_CHANGE_CLOSED = "planned_change_closed"
        PLAN_CHANGED = "plan_changed"
        PERIOD_SKIPPED = "period_skipped"
        SKIP_UNDONE = "skip_undone"
        TRIAL_STARTED = "trial_started"
        TRIAL_EXTENDED = "trial_extended"
        REINSTATED = "reinstated"
        CANCELED = "canceled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=30, choices=Kind)
    from_status = models.CharField(max_length=10, choices=Subscription.Status, blank=True)
    to_status = models.CharField(max_length=10, choices=Subscription.Status)
    reason = models.CharField(max_length=40, blank=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor = models.CharField(max_length=MAX_NAME)
    details: models.JSONField[dict[str, Any]] = models.JSONField(
        default=dict, help_text="Ids and small values, nothing personal."
    )
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["subscription", "at"], name="change_by_subscription")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reason}".strip()
