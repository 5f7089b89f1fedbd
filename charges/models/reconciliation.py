"""The reconciliation of our rows with Stripe: runs, findings, and the objects that Stripe listed so far."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from charges.models.payments import Charge


class ReconciliationKind(models.TextChoices):
    """The kinds of objects that are compared."""

    INTENT = "intent", "Payment intent"
    REFUND = "refund"
    DISPUTE = "dispute"


class ReconciliationRun(models.Model):
    """A comparison of the objects created in ``[since, until)``. It continues at ``phase`` and ``cursor``.

    Both are committed together with the work, so an interrupted run continues at the page at which it stopped.
    """

    class Phase(models.TextChoices):
        """In order."""

        INTENTS = "intents", "Reading Stripe's payment intents"
        REFUNDS = "refunds", "Reading Stripe's refunds"
        DISPUTES = "disputes", "Reading Stripe's disputes"
        OUR_CHARGES = "our_charges", "Looking for charges that Stripe did not list"
        OUR_REFUNDS = "our_refunds", "Looking for refunds that Stripe did not list"
        OUR_DISPUTES = "our_disputes", "Looking for disputes that Stripe did not list"
        EARLIER = "earlier", "Adopting the open findings of earlier runs"
        CHECKING_AGAIN = "checking_again", "Checking the findings again, one by one"
        DONE = "done"
        ABANDONED = "abandoned", "Abandoned: it did not move for a day, and a later run replaced it"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    night = models.DateField(
        unique=True, null=True, default=None, help_text="The date of a nightly run; empty for a run of the command."
    )
    since = models.DateTimeField()
    until = models.DateTimeField()
    asked_until = models.DateTimeField(null=True, default=None, help_text="The command's --until.")
    resolve = models.BooleanField(default=True, help_text="Whether safe differences are resolved.")
    phase = models.CharField(max_length=20, choices=Phase, default=Phase.INTENTS)
    cursor = models.CharField(max_length=255, blank=True, help_text="The last object that the phase has compared.")
    step = models.PositiveIntegerField(default=0, help_text="Which slice of a nightly run is next.")
    counts: models.JSONField[dict[str, int]] = models.JSONField(
        default=dict, help_text="How many objects of each kind Stripe has listed."
    )
    found = models.PositiveIntegerField(default=0)
    resolved = models.PositiveIntegerField(default=0)
    open = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(phase__in=["done", "abandoned"], finished_at__isnull=False)
                | (~Q(phase__in=["done", "abandoned"]) & Q(finished_at=None)),
                name="finished_reconciliation_has_time",
            ),
            models.CheckConstraint(condition=Q(until__gt=models.F("since")), name="reconciliation_window_not_empty"),
        ]
        indexes = [models.Index(fields=["started_at"], condition=Q(finished_at=None), name="reconciliation_unfinished")]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"


class ReconciliationFinding(models.Model):
    """A difference between Stripe and our rows. ``details`` are ids, statuses and amounts.

    If a later run finds the same difference, it updates this row.
    """

    class Problem(models.TextChoices):
        MISSING_HERE = "missing_here", "Missing here: it exists only at Stripe"
        MISSING_THERE = "missing_there", "Missing there: it does not exist at Stripe"
        AMOUNT_DIFFERS = "amount_differs", "The amount or the currency differs"
        STATUS_DIFFERS = "status_differs", "The status differs"
        NOT_LINKED = "not_linked", "Not linked: the intent names a charge that has not saved the intent"
        SECOND_INTENT = "second_intent", "Second intent: no charge uses it, and it can still be paid"
        PAID_TWICE = "paid_twice", "Paid by another intent than the charge's own"
        PAID_THOUGH_CANCELED = "paid_though_canceled", "Paid at Stripe though canceled here"

    class Status(models.TextChoices):
        OPEN = "open"
        RESOLVED = "resolved"
        SUSPECTED = "suspected", "Suspected: not yet checked again"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=ReconciliationKind)
    problem = models.CharField(max_length=20, choices=Problem)
    stripe_id = models.CharField(max_length=255)
    charge = models.ForeignKey(
        Charge, null=True, default=None, on_delete=models.PROTECT, related_name="reconciliation_findings"
    )
    details = models.CharField(max_length=500)
    next_step = models.CharField(max_length=500)
    status = models.CharField(max_length=10, choices=Status, default=Status.SUSPECTED)
    resolution = models.CharField(max_length=500, blank=True, help_text="How it was resolved.")
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, default=None, on_delete=models.PROTECT, related_name="+"
    )
    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="findings")
    check_again = models.BooleanField(default=True, help_text="The run has not checked it again yet.")
    made_at = models.DateTimeField(help_text="Creation at Stripe, or of our row if it does not exist there.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "problem", "stripe_id"], name="reconciliation_finding_once"),
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | (~Q(status="resolved") & Q(resolved_at=None)),
                name="resolved_finding_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status="resolved") | Q(resolved_by=None), name="only_resolved_finding_has_user"
            ),
        ]
        indexes = [
            models.Index(fields=["run", "id"], condition=Q(check_again=True), name="finding_to_check_again"),
            models.Index(fields=["made_at"], condition=~Q(status="resolved"), name="finding_unresolved"),
        ]

    def __str__(self) -> str:
        return f"{self.get_problem_display()} ({self.stripe_id})"


class SeenAtStripe(models.Model):
    """An object that Stripe listed in this run. Deleted when the run ends."""

    pk = models.CompositePrimaryKey("run_id", "kind", "stripe_id")
    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=ReconciliationKind)
    stripe_id = models.CharField(max_length=255)

    def __str__(self) -> str:
        return self.stripe_id
