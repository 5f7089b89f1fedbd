"""Comparing our books with Stripe's: each run, what it found, and what it has seen at Stripe so far."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from charges.models.payments import Charge


class ReconciliationKind(models.TextChoices):
    """What is compared."""

    INTENT = "intent", "Payment intent"
    REFUND = "refund"
    DISPUTE = "dispute"


class ReconciliationRun(models.Model):
    """One comparison of what was made in ``[since, until)``; ``phase`` and ``cursor`` say where it goes on.

    Both are committed with the work that they report, so a run that died goes on at the page that it died at.
    """

    class Phase(models.TextChoices):
        """In the order in which they are done."""

        INTENTS = "intents", "Reading Stripe's payment intents"
        REFUNDS = "refunds", "Reading Stripe's refunds"
        DISPUTES = "disputes", "Reading Stripe's disputes"
        OUR_CHARGES = "our_charges", "Looking for charges that Stripe did not show"
        OUR_REFUNDS = "our_refunds", "Looking for refunds that Stripe did not show"
        OUR_DISPUTES = "our_disputes", "Looking for disputes that Stripe did not show"
        EARLIER = "earlier", "Taking up what earlier runs left open"
        LOOKING_AGAIN = "looking_again", "Looking again at what differs, one by one"
        DONE = "done"
        ABANDONED = "abandoned", "Abandoned: it stood still for a day, and a later run took its place"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    night = models.DateField(
        unique=True, null=True, default=None, help_text="Of the nightly job; empty where the command was run."
    )
    since = models.DateTimeField()
    until = models.DateTimeField()
    asked_until = models.DateTimeField(null=True, default=None, help_text="As the command was told.")
    resolve = models.BooleanField(default=True, help_text="Whether what is safe to resolve is resolved.")
    phase = models.CharField(max_length=20, choices=Phase, default=Phase.INTENTS)
    cursor = models.CharField(max_length=255, blank=True, help_text="The last object that the phase has dealt with.")
    step = models.PositiveIntegerField(default=0, help_text="Which slice of a nightly run is next.")
    counts: models.JSONField[dict[str, int]] = models.JSONField(
        default=dict, help_text="How many objects of each kind Stripe has shown."
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
                name="finished_reconciliation_has_its_time",
            ),
            models.CheckConstraint(condition=Q(until__gt=models.F("since")), name="reconciliation_covers_some_time"),
        ]
        indexes = [models.Index(fields=["started_at"], condition=Q(finished_at=None), name="reconciliation_unfinished")]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"


class ReconciliationFinding(models.Model):
    """One difference between Stripe and us. Found again, it is updated; ``details`` are ids, states and amounts."""

    class Problem(models.TextChoices):
        MISSING_HERE = "missing_here", "Missing here: Stripe has it, we do not"
        MISSING_THERE = "missing_there", "Missing there: we have it, Stripe does not"
        AMOUNT_DIFFERS = "amount_differs", "The amount or the currency differs"
        STATUS_DIFFERS = "status_differs", "The status differs"
        NOT_LINKED = "not_linked", "Not linked: the intent names a charge that does not know it"
        SECOND_INTENT = "second_intent", "Second intent: nobody needs it, and it can still be paid"
        PAID_TWICE = "paid_twice", "Paid by another intent than the charge's own"
        PAID_THOUGH_CANCELED = "paid_though_canceled", "Paid at Stripe though canceled here"

    class Status(models.TextChoices):
        OPEN = "open"
        RESOLVED = "resolved"
        SUSPECTED = "suspected", "Suspected: not yet looked at again"

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
    resolution = models.CharField(max_length=500, blank=True, help_text="What was done about it, and by whom.")
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, default=None, on_delete=models.PROTECT, related_name="+"
    )
    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="findings")
    look_again = models.BooleanField(default=True, help_text="The run has yet to look at it by itself.")
    made_at = models.DateTimeField(help_text="When the object was made at Stripe, or our row where there is none.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "problem", "stripe_id"], name="reconciliation_finding_once"),
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | (~Q(status="resolved") & Q(resolved_at=None)),
                name="resolved_finding_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(status="resolved") | Q(resolved_by=None), name="only_a_resolved_finding_has_who"
            ),
        ]
        indexes = [
            models.Index(fields=["run", "id"], condition=Q(look_again=True), name="finding_to_look_at"),
            models.Index(fields=["made_at"], condition=~Q(status="resolved"), name="finding_unresolved"),
        ]

    def __str__(self) -> str:
        return f"{self.get_problem_display()} ({self.stripe_id})"


class SeenAtStripe(models.Model):
    """Stripe has shown this object to this run. Deleted when the run ends."""

    pk = models.CompositePrimaryKey("run_id", "kind", "stripe_id")
    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=ReconciliationKind)
    stripe_id = models.CharField(max_length=255)

    def __str__(self) -> str:
        return self.stripe_id
