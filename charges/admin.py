"""Charges to look at. Nothing is changed here: what is true is at Stripe."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from charges import queries
from charges.models import Charge, ChargeAttempt, SavedCard, StripeCustomer
from integrations.admin import ReadOnlyAdmin
from subscriptions.money import formatted


class AttemptInline(admin.TabularInline):
    model = ChargeAttempt
    extra = 0
    can_delete = False
    fields = ("number", "status", "code", "decline_code", "advice_code", "network_advice_code", "category", "meaning",
              "next_step", "stripe_charge_id", "payment_method", "started_at", "finished_at", "task_id")  # fmt: skip
    readonly_fields = fields

    @admin.display(empty_value="-")
    def category(self, attempt: ChargeAttempt) -> str | None:
        reading = queries.reading(attempt=attempt)
        return f"{reading.category} (by {reading.decided_by})" if reading else None

    @admin.display(empty_value="-")
    def meaning(self, attempt: ChargeAttempt) -> str | None:
        reading = queries.reading(attempt=attempt)
        return reading.meaning if reading else None

    @admin.display(empty_value="-")
    def next_step(self, attempt: ChargeAttempt) -> str | None:
        reading = queries.reading(attempt=attempt)
        return reading.next_step if reading else None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    list_display = ("order", "money", "status", "payment_intent_id", "created_at", "succeeded_at")
    list_filter = ("status", "currency")
    search_fields = ("order__number", "order__customer__email", "payment_intent_id", "stripe_charge_id")
    list_select_related = ("order",)
    ordering = ("-id",)
    fields = ("order", "money", "status", "payment_method", "payment_intent_id", "stripe_charge_id",
              "created_at", "succeeded_at", "updated_at")  # fmt: skip
    inlines = (AttemptInline,)

    @admin.display(description="amount", ordering="amount")
    def money(self, charge: Charge) -> str:
        return formatted(amount=charge.amount, currency=charge.currency)


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnlyAdmin):
    list_display = ("customer", "stripe_id", "created_at")
    search_fields = ("customer__email", "stripe_id")
    list_select_related = ("customer",)
    ordering = ("-id",)


@admin.register(SavedCard)
class SavedCardAdmin(ReadOnlyAdmin):
    list_display = ("customer", "requested", "stripe_id", "created_at")
    search_fields = ("customer__email", "requested", "stripe_id")
    list_select_related = ("customer",)
    ordering = ("-id",)
