"""Charges to look at. Nothing is changed here: what is true is at Stripe."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.db.models import F, QuerySet
from django.http import HttpRequest

from charges import queries, reconciliation_admin
from charges.dispute_advice import next_step
from charges.models import (
    Charge,
    ChargeAttempt,
    Dispute,
    DunningRun,
    DunningStep,
    Refund,
    SavedCard,
    StripeCustomer,
)
from integrations.admin import ReadOnlyAdmin, link_to, moment, short
from orders.admin import FoundByOrderAdmin
from subscriptions.money import formatted

__all__ = ["reconciliation_admin"]  # its lists register themselves


class AttemptInline(admin.StackedInline):
    """Stacked, as the codes make a table that is wider than any screen. What they mean stands before them."""

    model = ChargeAttempt
    extra = 0
    can_delete = False
    fields = (
        ("started_at", "payment_method", "status"),
        ("meaning", "next_step"),
        ("category", "trigger", "finished_at"),
        ("code", "decline_code", "advice_code", "network_advice_code"),
        "stripe_charge_id",
    )
    readonly_fields = flatten(fields)

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

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DisputeInline(admin.TabularInline):
    verbose_name_plural = "disputed"
    model = Dispute
    extra = 0
    can_delete = False
    show_change_link = True
    fields = ("stripe_id", "reason", "status", "funds", "due_by", "policy_applied", "opened_at", "closed_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RefundInline(admin.TabularInline):
    model = Refund
    extra = 0
    can_delete = False
    fields = ("money", "status", "origin", "reason", "requested_by", "requested_at", "succeeded_at", "failed_at",
              "failure_code", "stripe_id", "note")  # fmt: skip
    readonly_fields = fields
    ordering = ("-id",)

    @admin.display(description="amount")
    def money(self, refund: Refund) -> str:
        return formatted(amount=refund.amount, currency=refund.charge.currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).select_related("charge__order", "requested_by")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Charge)
class ChargeAdmin(FoundByOrderAdmin):
    list_display = ("order", "money", short("status"), "payment_intent_id", "created_at", "succeeded_at")
    list_filter = ("status", "currency")
    search_fields = ("order__number__exact", "order__customer__email_key__startswith", "payment_intent_id__exact",
                     "stripe_charge_id__exact", "id__exact")  # fmt: skip
    search_help_text = "Order number, e-mail address, Stripe's id of the intent or the charge, our id"
    list_select_related = ("order",)
    ordering = ("-id",)
    fields = ("order", "money", "refunded", "status", "payment_method", "payment_intent_id", "stripe_charge_id",
              "created_at", "succeeded_at", "updated_at")  # fmt: skip
    inlines = (AttemptInline, RefundInline, DisputeInline)

    @admin.display(description="amount", ordering="amount")
    def money(self, charge: Charge) -> str:
        return formatted(amount=charge.amount, currency=charge.currency)

    @admin.display(description="refunded, or on its way")
    def refunded(self, charge: Charge) -> str:
        return formatted(amount=charge.amount_refunded, currency=charge.currency)


@admin.register(Refund)
class RefundAdmin(FoundByOrderAdmin):
    """Every refund. Asking for one is a command of the API, which checks what is left of the payment."""

    list_display = ("money", "order", short("status"), "failure_code", short("origin"), "requested_by", "requested_at")
    list_filter = ("status", "origin", "reason")
    search_fields = (
        "charge__order__number__exact",
        "charge__order__customer__email_key__startswith",
        "charge__payment_intent_id__exact",
        "stripe_id__exact",
        "id__exact",
    )
    search_help_text = "Order number, e-mail address, Stripe's id of the intent or the refund, our id"
    list_select_related = ("charge__order", "requested_by")
    ordering = ("-id",)
    fields = ("order", "charge", "money", "status", "origin", "reason", "note", "requested_by", "requested_at",
              "succeeded_at", "failed_at", "failure_code", "stripe_id", "command_key", "asked_at",
              "updated_at")  # fmt: skip

    @admin.display(ordering="charge__order__number")
    def order(self, refund: Refund) -> str:
        return link_to(refund.charge.order)

    @admin.display(description="amount", ordering="amount")
    def money(self, refund: Refund) -> str:
        return formatted(amount=refund.amount, currency=refund.charge.currency)


class DunningStepInline(admin.TabularInline):
    model = DunningStep
    extra = 0
    can_delete = False
    fields = ("number", "status", "due_at", "done_at", "attempt")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[DunningStep]:
        return super().get_queryset(request).select_related("run__order", "attempt__charge__order")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DunningRun)
class DunningRunAdmin(FoundByOrderAdmin):
    """What is being done about unpaid orders: the steps taken, and the next one."""

    list_display = (short("status"), "of_order", "step", "next_step_at", "policy", "started_at", "ended_at")
    list_filter = ("status", "unpaid_policy", "reason")
    search_fields = ("order__number__exact", "order__customer__email_key__startswith", "id__exact")
    search_help_text = "Order number, e-mail address"
    list_select_related = ("order",)
    ordering = ("-id",)
    fields = ("order", "status", "reason", "next_step_at", "schedule", "unpaid_policy", "started_at", "ended_at")
    inlines = (DunningStepInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DunningRun]:
        return super().get_queryset(request).prefetch_related("steps")

    @admin.display(description="order", ordering="order__number")
    def of_order(self, run: DunningRun) -> str:
        return link_to(run.order)

    @admin.display(description="in the end", ordering="unpaid_policy")
    def policy(self, run: DunningRun) -> str:
        return run.unpaid_policy

    @admin.display(description="steps taken")
    def step(self, run: DunningRun) -> str:
        taken = sum(step.status in ("tried", "reminded") for step in run.steps.all())
        return f"{taken} of {len(run.schedule)}"

    @admin.display(description="next step")
    def next_step_at(self, run: DunningRun) -> str:
        return moment(next((step.due_at for step in run.steps.all() if step.status == "planned"), None))


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnlyAdmin):
    list_display = ("customer", "stripe_id", "created_at")
    list_filter = ("created_at",)
    search_fields = ("customer__email_key__startswith", "stripe_id__exact")
    search_help_text = "E-mail address, Stripe's id"
    list_select_related = ("customer",)
    ordering = ("-id",)


@admin.register(SavedCard)
class SavedCardAdmin(ReadOnlyAdmin):
    list_display = ("customer", "requested", "stripe_id", "created_at")
    list_filter = ("created_at",)
    search_fields = ("customer__email_key__startswith", "requested__exact", "stripe_id__exact")
    search_help_text = "E-mail address, the card's id as the checkout gave it or as Stripe has it"
    list_select_related = ("customer",)
    ordering = ("-id",)


class OpenDisputeFilter(admin.SimpleListFilter):
    title = "whether it is decided"
    parameter_name = "decided"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Open"), ("yes", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> QuerySet[Dispute]:
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "no")


@admin.register(Dispute)
class DisputeAdmin(FoundByOrderAdmin):
    """Disputes, those that are open first, and of these the one that must be answered soonest. Evidence is given in
    Stripe's dashboard, where ``stripe_id`` is found."""

    list_display = ("answer_until", "order", "money", "next_step", "status", "reason", short("funds"),
                    "policy_applied", "stripe_id")  # fmt: skip
    list_display_links = ("answer_until", "stripe_id")
    list_filter = (OpenDisputeFilter, "status", "reason", "is_inquiry")
    search_fields = ("stripe_id__exact", "charge__order__number__exact", "charge__payment_intent_id__exact",
                     "charge__order__customer__email_key__startswith")  # fmt: skip
    search_help_text = "Order number, e-mail address, Stripe's id of the dispute or the intent"
    list_select_related = ("charge__order__subscription",)
    ordering = (F("closed_at").desc(nulls_first=True), "due_by", "-id")
    fields = ("stripe_id", "order", "charge", "money", "reason", "status", "is_inquiry", "funds", "answer_until",
              "policy_applied", "next_step", "opened_at", "closed_at", "updated_at")  # fmt: skip

    class Media:
        css = {"all": ("charges/admin.css",)}

    @admin.display(ordering="charge__order__number")
    def order(self, dispute: Dispute) -> str:
        return link_to(dispute.charge.order)

    @admin.display(description="amount", ordering="amount")
    def money(self, dispute: Dispute) -> str:
        return formatted(amount=dispute.amount, currency=dispute.currency)

    @admin.display(description="answer until", ordering="due_by")
    def answer_until(self, dispute: Dispute) -> str:
        return moment(dispute.due_by if dispute.closed_at is None else None)

    @admin.display
    def next_step(self, dispute: Dispute) -> str:
        return next_step(dispute=dispute)
