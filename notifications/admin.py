from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from integrations.admin import ReadOnlyAdmin
from notifications.models import ContactSync, Notification, Suppression
from orders.admin import FoundByOrderAdmin, register_section

register_section(
    label="messages to the customer",
    rows=lambda order: Notification.objects.filter(order=order).order_by("id"),
)


@admin.register(Notification)
class NotificationAdmin(FoundByOrderAdmin):
    """Every message to a customer, with its status."""

    list_display = (
        "kind",
        "order",
        "customer",
        "status",
        "error_code",
        "created_at",
        "channel",
        "dedup_key",
        "sent_at",
    )
    list_filter = ("status", "kind", "channel", "created_at")
    list_select_related = ("order", "customer")
    search_fields = (
        "customer__email",
        "customer__phone",
        "order__number",
        "provider_message_id__exact",
        "idempotency_key__exact",
        "dedup_key__exact",
        "id__exact",
    )
    search_help_text = "E-mail address, phone, order number, Brevo's message id, dedup key, notification id"
    ordering = ("-id",)


@admin.register(ContactSync)
class ContactSyncAdmin(ReadOnlyAdmin):
    """The contacts at Brevo and Dixa: when each was synced, and its last error."""

    list_display = ("customer", "provider", "external_id", "synced_at", "last_error", "updated_at")
    list_filter = ("provider", ("synced_at", admin.EmptyFieldListFilter), "last_error")
    list_select_related = ("customer",)
    search_fields = ("customer__email", "external_id__exact", "customer__id__exact")
    search_help_text = "E-mail address, the provider's id, customer id"
    ordering = ("-updated_at",)


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    """Addresses that get no more messages. Staff with the permission lift a suppression by deleting it."""

    list_display = ("created_at", "channel", "address_key", "reason")
    list_filter = ("channel", "reason", "created_at")
    search_fields = ("address_key",)
    search_help_text = "E-mail address in lower case, or the digits of a phone number"
    ordering = ("-id",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("notifications.delete_suppression")
