"""Charges with their attempts, refunds and disputes. Read-only: Stripe is the source of truth."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from charges import queries
from charges.models import Charge, ChargeAttempt, Dispute, Refund
from integrations.admin import ReadOnlyStackedInline, ReadOnlyTabularInline, short
from orders.admin import FoundByOrderAdmin
from subscriptions.money import formatted


class AttemptInline(ReadOnlyStackedInline):
    """Stacked, because a table with all codes would be wider than a screen. The codes' meaning comes first."""

    model = ChargeAttempt
    fields = (
        ("started_at", "payment_method", "status"),
        ("meaning", "next_step"),
        ("category", "trigger", "finished_at"),
        ("code", "decline_code", "advice_code", "network_advice_code"),
        "stripe_charge_id",
    )

    def category(self, attempt: ChargeAttempt) -> str:
        reading = queries.reading(attempt=attempt)
        return f"{reading.category} (by {reading.decided_by})" if reading else "-"

    def meaning(self, attempt: ChargeAttempt) -> str:
        reading = queries.reading(attempt=attempt)
        return reading.meaning if reading else "-"

    def next_step(self, attempt: ChargeAttempt) -> str:
        reading = queries.reading(attempt=attempt)
        return reading.next_step if reading else "-"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChargeAttempt]:
        return super().get_queryset(request).select_related("charge__order")


class DisputeInline(ReadOnlyTabularInline):
    model = Dispute
    show_change_link = True
    fields = ("stripe_id", "reason", "status", "funds", "due_by", "policy_applied", "opened_at", "closed_at")


class RefundInline(ReadOnlyTabularInline):
    model = Refund
    fields = ("money", "status", "origin", "reason", "requested_by", "requested_at", "succeeded_at", "failed_at",
              "failure_code", "stripe_id", "note")  # fmt: skip
    ordering = ("-id",)

    @admin.display(description="amount")
    def money(self, refund: Refund) -> str:
        return formatted(amount=refund.amount, currency=refund.charge.currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).select_related("charge__order", "requested_by")


@admin.register(Charge)
class ChargeAdmin(FoundByOrderAdmin):
    list_display = ("order", "money", short("status"), "payment_intent_id", "created_at", "succeeded_at")
    list_filter = ("status", "currency")
    search_fields = ("order__number__exact", "order__customer__email_key__startswith", "payment_intent_id__exact",
                     "stripe_charge_id__exact", "id__exact")  # fmt: skip
    search_help_text = "Order number, e-mail address, id of the payment intent or the charge at Stripe, our id"
    list_select_related = ("order",)
    ordering = ("-id",)
    fields = ("order", "money", "refunded", "status", "payment_method", "payment_intent_id", "stripe_charge_id",
              "created_at", "succeeded_at", "updated_at")  # fmt: skip
    inlines = (AttemptInline, RefundInline, DisputeInline)

    @admin.display(description="amount", ordering="amount")
    def money(self, charge: Charge) -> str:
        return formatted(amount=charge.amount, currency=charge.currency)

    @admin.display(description="refunded or pending")
    def refunded(self, charge: Charge) -> str:
        return formatted(amount=charge.amount_refunded, currency=charge.currency)
