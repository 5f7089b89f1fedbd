"""The erasure of a customer's personal data, and its steps."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from subscriptions.actors import MAX_NAME, ActorKind
from subscriptions.models.accounts import Customer


class Erasure(models.Model):
    """The erasure of one customer. It is requested once, waits until no money is open, and ends with a certificate.

    ``email``, ``earlier_emails`` and ``phones`` are the only copies that stay until the providers have erased theirs.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested: it waits until no money is open"
        ERASING = "erasing", "Erasing: its steps are running"
        DONE = "done", "Done: everything is erased"

    class Export(models.TextChoices):
        DOWNLOADED = "downloaded", "Downloaded by the customer or by staff"
        DECLINED = "declined", "The customer wanted no copy"
        REPLAY = "replay", "None: the erasure was repeated after a restore"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, related_name="erasure")
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    email = models.EmailField(blank=True, help_text="Forgotten when the erasure is done.")
    earlier_emails: models.JSONField[list[str]] = models.JSONField(
        default=list, help_text="Addresses before recent changes. Forgotten when the erasure is done."
    )
    phones: models.JSONField[list[str]] = models.JSONField(
        default=list, help_text="E.164, the customer's and those of orders. Forgotten when the erasure is done."
    )
    export = models.CharField(max_length=10, choices=Export)
    requested_at = models.DateTimeField()
    requested_by_kind = models.CharField(max_length=10, choices=ActorKind)
    requested_by = models.CharField(max_length=MAX_NAME)
    waits_for: models.JSONField[list[str]] = models.JSONField(
        default=list, help_text="The open money for which it waits. Order numbers and ids, nothing personal."
    )
    begun_at = models.DateTimeField(null=True, default=None, help_text="When nothing was open any more.")
    done_at = models.DateTimeField(null=True, default=None)
    certificate: models.JSONField[dict[str, Any] | None] = models.JSONField(
        null=True, default=None, help_text="What was erased, what stays, why and until when. Nothing personal."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="done")
                | Q(
                    done_at__isnull=False,
                    begun_at__isnull=False,
                    certificate__isnull=False,
                    email="",
                    earlier_emails=[],
                    phones=[],
                ),
                name="done_erasure_forgot_the_person",
            ),
            models.CheckConstraint(
                condition=~Q(status="requested") | Q(begun_at=None), name="requested_erasure_has_not_begun"
            ),
        ]
        indexes = [
            models.Index(fields=["requested_at"], condition=~Q(status="done"), name="erasure_open"),
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk}"

    @property
    def addresses(self) -> list[str]:
        """The address and those before recent changes, each once."""
        return list(dict.fromkeys(filter(None, [self.email, *self.earlier_emails])))


class ErasureStep(models.Model):
    """One part of an erasure, at one system. It is repeated until it is done."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(max_length=30)
    attempts = models.PositiveIntegerField(default=0)
    reference = models.CharField(max_length=100, blank=True, help_text="The provider's id of its own erasure.")
    last_error = models.CharField(max_length=100, blank=True, help_text="Why it is not done. Nothing personal.")
    detail = models.CharField(max_length=200, blank=True, help_text="What was done. Nothing personal.")
    done_at = models.DateTimeField(null=True, default=None)

    class Meta:
        ordering = ["erasure", "id"]
        constraints = [models.UniqueConstraint(fields=["erasure", "name"], name="erasure_step_once")]
        indexes = [models.Index(fields=["erasure"], condition=Q(done_at=None), name="erasure_step_open")]

    def __str__(self) -> str:
        return self.name
