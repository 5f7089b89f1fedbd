"""The planned changes and skipped periods of subscriptions, and the trials that were used."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.actors import MAX_NAME, ActorKind
from subscriptions.models.prices import Price
from subscriptions.models.subscriptions import Subscription


class PendingChange(models.Model):
    """A change of a subscription that waits for the end of the current period, or for its payment.

    A subscription has at most one open change of each kind. A newer one replaces it. The row stays when it is closed.
    """

    class Kind(models.TextChoices):
        CANCEL = "cancel", "Cancel the subscription"
        PAUSE = "pause", "Pause the subscription"
        PLAN = "plan", "Change the plan, its price or the quantity"

    class When(models.TextChoices):
        PERIOD_END = "period_end", "At the end of the period"
        PAYMENT = "payment", "When its order is paid"

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting"
        APPLIED = "applied", "Applied"
        DROPPED = "dropped", "Dropped: it was not paid, or it became impossible"
        REPLACED = "replaced", "Replaced by a newer change"
        WITHDRAWN = "withdrawn", "Withdrawn before it was applied"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="pending_changes")
    kind = models.CharField(max_length=10, choices=Kind)
    when = models.CharField(max_length=10, choices=When)
    price = models.ForeignKey(Price, null=True, default=None, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(null=True, default=None)
    not_before = models.DateTimeField(
        null=True, default=None, help_text="It is not applied at a boundary before this time. Empty: at the next one."
    )
    lift_at = models.DateTimeField(null=True, default=None, help_text="When a planned pause ends. Empty: not planned.")
    reason = models.CharField(max_length=40, blank=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor = models.CharField(max_length=MAX_NAME)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, default=None)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.WAITING)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "kind"], condition=Q(closed_at=None), name="one_open_change_per_kind"
            ),
            models.CheckConstraint(
                condition=Q(kind="plan", price__isnull=False, quantity__gt=0)
                | (~Q(kind="plan") & Q(price=None, quantity=None)),
                name="planned_plan_change_has_its_terms",
            ),
            models.CheckConstraint(
                condition=Q(lift_at=None) | Q(kind="pause", lift_at__gt=F("created_at")),
                name="planned_pause_ends_later",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="waiting") | (Q(closed_at__isnull=False) & ~Q(outcome="waiting")),
                name="closed_change_has_an_outcome",
            ),
            models.CheckConstraint(condition=Q(when="period_end") | Q(kind="plan"), name="only_plan_changes_are_paid"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class Skip(models.Model):
    """A period that the customer skips: nothing is billed or delivered. Undoing the skip deletes the row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="skips")
    period_number = models.PositiveIntegerField()
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor = models.CharField(max_length=MAX_NAME)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "period_number"], name="period_skipped_once"),
        ]

    def __str__(self) -> str:
        return f"skip of period {self.period_number}"


class TrialUse(models.Model):
    """Proof that an address or a card has had a trial. It is kept when the customer's data is erased.

    ``digest`` is an HMAC, so the row contains no personal data.
    """

    class Kind(models.TextChoices):
        ADDRESS = "address", "E-mail address"
        CARD = "card", "Card"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    digest = models.CharField(max_length=64)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "digest"], name="one_trial_per_person")]

    def __str__(self) -> str:
        return self.get_kind_display()
