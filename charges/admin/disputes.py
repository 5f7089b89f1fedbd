"""Disputes. Read-only: staff submit evidence in the Stripe dashboard."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest

from charges.admin.dispute_advice import next_step
from charges.models import Dispute
from integrations.admin import link_to, moment, short
from orders.admin import FoundByOrderAdmin
from subscriptions.money import formatted


class OpenDisputeFilter(admin.SimpleListFilter):
    title = "open or closed"
    parameter_name = "closed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Open"), ("yes", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> QuerySet[Dispute]:
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "no")


@admin.register(Dispute)
class DisputeAdmin(FoundByOrderAdmin):
    """All disputes. Open disputes come first, sorted by deadline. Staff find one in Stripe by its ``stripe_id``."""

    list_display = ("answer_by", "order", "money", "next_step", "status", "reason", short("funds"),
                    "policy_applied", "stripe_id")  # fmt: skip
    list_display_links = ("answer_by", "stripe_id")
    list_filter = (OpenDisputeFilter, "status", "reason", "is_inquiry")
    search_fields = ("stripe_id__exact", "charge__order__number__exact", "charge__payment_intent_id__exact",
                     "charge__order__customer__email_key__startswith")  # fmt: skip
    search_help_text = "Order number, e-mail address, id of the dispute or the payment intent at Stripe"
    list_select_related = ("charge__order__subscription",)
    ordering = (F("closed_at").desc(nulls_first=True), "due_by", "-id")
    fields = ("stripe_id", "order", "charge", "money", "reason", "status", "is_inquiry", "funds", "answer_by",
              "policy_applied", "next_step", "opened_at", "closed_at", "updated_at")  # fmt: skip

    class Media:
        css = {"all": ("charges/admin.css",)}

    @admin.display(ordering="charge__order__number")
    def order(self, dispute: Dispute) -> str:
        return link_to(dispute.charge.order)

    @admin.display(description="amount", ordering="amount")
    def money(self, dispute: Dispute) -> str:
        return formatted(amount=dispute.amount, currency=dispute.currency)

    @admin.display(description="answer by", ordering="due_by")
    def answer_by(self, dispute: Dispute) -> str:
        return moment(dispute.due_by if dispute.closed_at is None else None)

    @admin.display
    def next_step(self, dispute: Dispute) -> str:
        return next_step(dispute=dispute)
