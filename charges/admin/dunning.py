"""Dunning runs and their steps. Read-only."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from charges.models import DunningRun, DunningStep
from integrations.admin import ReadOnlyTabularInline, link_to, moment, short
from orders.admin import FoundByOrderAdmin


class DunningStepInline(ReadOnlyTabularInline):
    model = DunningStep
    fields = ("number", "status", "due_at", "done_at", "attempt")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DunningStep]:
        return super().get_queryset(request).select_related("run__order", "attempt__charge__order")


@admin.register(DunningRun)
class DunningRunAdmin(FoundByOrderAdmin):
    """The dunning of unpaid orders: the steps done and the next step."""

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

    @admin.display(description="policy if unpaid", ordering="unpaid_policy")
    def policy(self, run: DunningRun) -> str:
        return run.unpaid_policy

    @admin.display(description="steps done")
    def step(self, run: DunningRun) -> str:
        done = sum(step.status in ("attempted", "reminded") for step in run.steps.all())
        return f"{done} of {len(run.schedule)}"

    @admin.display(description="next step")
    def next_step_at(self, run: DunningRun) -> str:
        return moment(next((step.due_at for step in run.steps.all() if step.status == "planned"), None))
