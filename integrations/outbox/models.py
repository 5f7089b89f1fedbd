from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from uuid6 import uuid7


class OutboxMessage(models.Model):
    """One message to one task, written in the transaction that it reports on and sent by the relay afterwards.

    Its id is the Celery task id. ``subject_type`` and ``subject_id`` name the row that the message is about; the event
    fills them. ``not_before`` delays a message durably, for any length of time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=100)
    queue = models.CharField(max_length=80)
    kwargs = models.JSONField()
    headers = models.JSONField(default=dict)
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.UUIDField(null=True, default=None)
    group = models.CharField(max_length=128, blank=True)
    deduplication_key = models.CharField(max_length=200, null=True, unique=True, default=None)  # noqa: DJ001  many rows have none
    not_before = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, default=None)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["not_before", "id"], condition=models.Q(sent_at=None), name="outbox_due"),
            models.Index(fields=["sent_at"], condition=~models.Q(sent_at=None), name="outbox_sent"),
            # For ``queries.live_messages``: a sweep asks for each stuck row whether a message about it is on its way.
            models.Index(
                fields=["subject_id", "task"], condition=models.Q(subject_id__isnull=False), name="outbox_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"
