from __future__ import annotations

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Now
from uuid6 import uuid7

from integrations.sqs.topology import CHARGES, ORDERS

# What a message is about: the most particular of the ids that it carries.
SUBJECT = Coalesce(KT("kwargs__webhook_event_id"), KT("kwargs__refund_id"), KT("kwargs__order_id"))

SWEPT = [CHARGES.name, ORDERS.name]


class OutboxMessage(models.Model):
    """One message to one task, written in the transaction that it reports on and sent by the relay afterwards.

    Its id is the Celery task id. ``not_before`` is the only delay that we have: durable, and of any length.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=100)
    queue = models.CharField(max_length=80)
    kwargs = models.JSONField()
    headers = models.JSONField(default=dict)
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
            # For ``queries.live_messages``: "is there a message about this one already?", asked by the sweeps once for
            # each row that seems to be stuck. An expression and not a column, so that no publisher has to fill it in.
            # Only the queues whose work is swept pay for it: a row is written twice to each index (when it is made, and
            # when it is marked as sent), and most messages go to queues that nobody sweeps.
            models.Index("task", SUBJECT, condition=models.Q(queue__in=SWEPT), name="outbox_about_swept"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"
