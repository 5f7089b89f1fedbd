from __future__ import annotations

from django.contrib import admin

from integrations.admin import ReadOnlyAdmin
from integrations.inbox.models import WebhookEvent


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """What the providers told us and what became of it."""

    list_display = ("received_at", "provider", "type", "event_id", "processed_at", "outcome")
    list_filter = ("provider", ("processed_at", admin.EmptyFieldListFilter), "type")
    search_fields = ("event_id__exact", "id__exact")
    ordering = ("-id",)
