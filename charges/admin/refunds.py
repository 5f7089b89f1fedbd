"""Refunds. Read-only: staff request refunds through the API."""

from __future__ import annotations

from django.contrib import admin

from charges.models import Refund
from integrations.admin import link_to, short
from orders.admin import FoundByOrderAdmin
from subscriptions.money import formatted


@admin.register(Refund)
class RefundAdmin(FoundByOrderAdmin):
    """All refunds. The refunds API creates them: it checks how much of the payment is left."""

    list_display = ("money", "order", short("status"), "failure_code", short("origin"), "requested_by", "requested_at")
    list_filter = ("status", "origin", "reason")
    search_fields = (
        "charge__order__number__exact",
        "charge__order__customer__email_key__startswith",
        "charge__payment_intent_id__exact",
        "stripe_id__exact",
        "id__exact",
    )
    search_help_text = "Order number, e-mail address, id of the payment intent or the refund at Stripe, our id"
    list_select_related = ("charge__order", "requested_by")
    ordering = ("-id",)
    fields = ("order", "charge", "money", "status", "origin", "reason", "note", "requested_by", "requested_at",
              "succeeded_at", "failed_at", "failure_code", "stripe_id", "command_key", "creation_requested_at",
              "updated_at")  # fmt: skip

    @admin.display(ordering="charge__order__number")
    def order(self, refund: Refund) -> str:
        return link_to(refund.charge.order)

    @admin.display(description="amount", ordering="amount")
    def money(self, refund: Refund) -> str:
        return formatted(amount=refund.amount, currency=refund.charge.currency)
