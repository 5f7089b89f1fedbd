from __future__ import annotations

from django.contrib import admin

from integrations.admin import ReadOnlyAdmin
from integrations.inbox.models import WebhookEvent


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """Events from the providers, and their outcome."""

    list_display = ("type", "outcome", "received_at", "processed_at", "provider", "event_id")
    list_filter = ("provider", ("processed_at", admin.EmptyFieldListFilter), "type")
    search_fields = ("event_id__exact", "id__exact")
    search_help_text = "The provider's or our id of the event"
    ordering = ("-id",)
