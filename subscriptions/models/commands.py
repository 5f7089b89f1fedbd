"""The commands of customers that have been carried out."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.models.subscriptions import Subscription


class CommandKey(models.Model):
    """The ``Idempotency-Key`` of a command about a subscription. It is written in the transaction of its effect."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64, help_text="Hash of the command's name and body.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "key"], name="subscription_command_once")]

    def __str__(self) -> str:
        return self.key
