from __future__ import annotations

from django.contrib import admin

from integrations.admin import ReadOnlyAdmin
from integrations.outbox.models import OutboxMessage


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What was sent, what waits, and why."""

    list_display = ("id", "task", "queue", "created_at", "not_before", "sent_at", "attempts", "last_error")
    list_filter = ("queue", "task", ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("id__exact",)
    ordering = ("-id",)
