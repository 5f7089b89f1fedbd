from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from uuid6 import uuid7


class WebhookEvent(models.Model):
    """An event from a provider, stored once before it is processed, and deleted some weeks afterwards."""

    class Provider(models.TextChoices):
        STRIPE = "stripe"
        BREVO = "brevo"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(max_length=20, choices=Provider)
    event_id = models.CharField(
        max_length=255, help_text="The provider's id, or a digest of the fields that identify the event."
    )
    type = models.CharField(max_length=100)
    payload = models.JSONField()
    received_at = models.DateTimeField(db_default=Now())
    processed_at = models.DateTimeField(null=True, default=None)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_event_once")]
        indexes = [
            models.Index(fields=["received_at"], condition=models.Q(processed_at=None), name="webhook_waiting"),
            models.Index(
                fields=["processed_at"], condition=models.Q(processed_at__isnull=False), name="webhook_processed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.type} {self.event_id}"
