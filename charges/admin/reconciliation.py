"""Differences from Stripe that staff resolve, and the reconciliation runs that found them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from charges.models import ReconciliationFinding, ReconciliationRun
from charges.operations.reconciliation import findings, runs
from integrations.admin import ReadOnlyAdmin, link_to, short
from integrations.errors import ProviderError, TransientError
from orders.admin import FoundByOrderAdmin

MAX_FINDINGS = 10  # checked again in one request, because each one takes several calls to Stripe


class ReasonForm(ActionForm):
    reason = forms.CharField(
        required=False,
        max_length=400,
        label="Reason",
        widget=forms.TextInput(attrs={"placeholder": "how it was resolved", "size": 60, "style": "max-width: 70vw"}),
    )


@admin.register(ReconciliationFinding)
class ReconciliationFindingAdmin(FoundByOrderAdmin):
    """Differences between Stripe's records and ours. Open findings come first."""

    list_display = (short("problem"), "order", "details", "next_step", short("status"), "resolution", "last_seen_at",
                    "kind", "stripe_id")  # fmt: skip
    list_filter = ("status", "problem", "kind", "last_seen_at")
    list_select_related = ("charge__order",)
    search_fields = ("stripe_id__exact", "charge__order__number__exact", "charge__payment_intent_id__exact",
                     "charge__order__customer__email_key__startswith")  # fmt: skip
    search_help_text = "Order number, e-mail address, id at Stripe, payment intent of the charge"
    ordering = ("status", "-last_seen_at")
    fields = ("problem", "kind", "stripe_id", "order", "charge", "status", "details", "next_step", "resolution",
              "resolved_by", "resolved_at", "made_at", "first_seen_at", "last_seen_at", "run")  # fmt: skip
    action_form = ReasonForm
    actions = ("check_again", "mark_resolved")

    class Media:
        css = {"all": ("charges/admin.css",)}

    @admin.display(ordering="charge__order__number")
    def order(self, finding: ReconciliationFinding) -> str:
        return link_to(finding.charge.order if finding.charge else None)

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("charges.change_reconciliationfinding")

    @admin.action(description="Check again at Stripe, and resolve what is safe to resolve", permissions=["resolve"])
    def check_again(self, request: HttpRequest, selected: QuerySet[ReconciliationFinding]) -> None:
        ids = list(selected.values_list("pk", flat=True)[: MAX_FINDINGS + 1])
        if len(ids) > MAX_FINDINGS:
            self.message_user(request, f"Select at most {MAX_FINDINGS} findings.", messages.ERROR)
            return
        for id in ids:
            try:
                finding = runs.check_again_now(finding_id=id, at=timezone.now())
            except (ProviderError, TransientError) as error:
                self.message_user(request, f"Stripe cannot be asked now. Try again later. ({error})", messages.ERROR)
                return
            level = messages.SUCCESS if finding.status == finding.Status.RESOLVED else messages.WARNING
            order = f"Order {finding.charge.order}" if finding.charge else "No order"
            words = f"{order}, {finding}: {finding.status}. {finding.resolution}"
            self.message_user(request, words.strip(), level)

    @admin.action(description="Mark as resolved (enter a reason)", permissions=["resolve"])
    def mark_resolved(self, request: HttpRequest, selected: QuerySet[ReconciliationFinding]) -> None:
        assert request.user.is_authenticated
        try:
            number = findings.mark_resolved(
                finding_ids=list(selected.values_list("pk", flat=True)),
                by=request.user,
                reason=request.POST.get("reason", ""),
                at=timezone.now(),
            )
        except findings.ReasonMissing as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"{number} marked as resolved.", messages.SUCCESS)


class StartedByFilter(admin.SimpleListFilter):
    title = "started by"
    parameter_name = "started_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("schedule", "The nightly schedule"), ("command", "The command")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ReconciliationRun]) -> QuerySet[ReconciliationRun]:
        if self.value() not in ("schedule", "command"):
            return queryset
        return queryset.filter(night__isnull=self.value() == "command")


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    """All comparisons with Stripe, and their progress."""

    list_display = ("started_at", short("phase"), "open", "found", "resolved", "finished_at", "counted", "since",
                    "until", "night")  # fmt: skip
    list_filter = ("phase", StartedByFilter, "started_at")
    search_fields = ("id__exact",)
    search_help_text = "Our id, as the log and the command show it"
    ordering = ("-id",)
    fields = ("started_at", "phase", "open", "found", "resolved", "finished_at", "counted", "since", "until", "night",
              "resolve", "cursor", "step", "asked_until")  # fmt: skip

    @admin.display(description="compared")
    def counted(self, run: ReconciliationRun) -> str:
        return ", ".join(f"{number:,} {kind}s" for kind, number in run.counts.items())
