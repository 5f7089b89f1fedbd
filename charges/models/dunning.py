"""The dunning of an unpaid order (DunningRun) and its steps (DunningStep)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid6 import uuid7

from charges.models.payments import ChargeAttempt
from orders.models import Order
from subscriptions.models import Plan


class DunningRun(models.Model):
    """The dunning of one order, from its first failed payment until it is paid, exhausted or stopped.

    ``schedule`` and ``unpaid_policy`` are copied when the run begins, so that later changes do not affect it.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        RECOVERED = "recovered", "Recovered: the order is paid"
        EXHAUSTED = "exhausted", "Exhausted: every step was taken, and the plan's policy was applied"
        STOPPED = "stopped", "Stopped: there is nothing to collect any more"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    schedule: models.JSONField[list[int]] = models.JSONField(help_text="Days from each step to the next.")
    unpaid_policy = models.CharField(max_length=10, choices=Plan.UnpaidPolicy)
    reason = models.CharField(max_length=30, blank=True, help_text="Why it was stopped.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, default=None)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="active", ended_at=None) | (~Q(status="active") & Q(ended_at__isnull=False)),
                name="ended_dunning_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status="stopped") | Q(reason=""), name="only_stopped_dunning_has_reason"
            ),
        ]
        indexes = [models.Index(fields=["started_at"], condition=Q(status="active"), name="dunning_active")]

    def __str__(self) -> str:
        return f"dunning of {self.order}"


class DunningStep(models.Model):
    """A step of a run: an attempt with the saved payment method or, if only the customer can help, a reminder."""

    class Status(models.TextChoices):
        PLANNED = "planned"
        ATTEMPTED = "attempted", "Attempted: the saved payment method was charged again"
        REMINDED = "reminded", "Reminded: only the customer can help, and got a reminder"
        DROPPED = "dropped", "Dropped: the run ended before this step"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(DunningRun, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, default=None)
    attempt = models.OneToOneField(
        ChargeAttempt, null=True, default=None, on_delete=models.PROTECT, related_name="dunning_step"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="dunning_step_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="step_number_positive"),
            models.UniqueConstraint(fields=["run"], condition=Q(status="planned"), name="one_planned_step"),
            models.CheckConstraint(
                condition=Q(status="planned", done_at=None) | (~Q(status="planned") & Q(done_at__isnull=False)),
                name="done_step_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status="attempted", attempt__isnull=False) | (~Q(status="attempted") & Q(attempt=None)),
                name="attempted_step_has_attempt",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(status="planned"), name="dunning_step_due")]

    def __str__(self) -> str:
        return f"{self.run.order} step {self.number}"
