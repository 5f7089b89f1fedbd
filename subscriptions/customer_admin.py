"""The admin pages of customers and of their erasures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from integrations.admin import NOTHING, ReadOnlyAdmin, ReadOnlyTabularInline, lines, short
from subscriptions import actors
from subscriptions.api.erasures import export_response
from subscriptions.email_addresses import email_key
from subscriptions.models import Customer, Erasure, ErasureStep
from subscriptions.operations.erasures import requests

NO_EXPORT = "Download a copy first and give it to the customer, or tick that the customer wants none."
MONEY_IS_OPEN = "The customer cannot be erased while money is open."


class ErasureForm(ActionForm):
    address = forms.CharField(
        required=False,
        max_length=254,
        label="To erase: the customer's address",
        widget=forms.TextInput(attrs={"placeholder": "type it again", "autocomplete": "off"}),
    )
    export_declined = forms.BooleanField(required=False, label="The customer wants no copy")


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    """All customers. Staff with the permissions download a customer's data and erase it, one customer at a time."""

    list_display = ("email", "name", "phone", "locale", "marketing_consent", "sms_consent", "created_at", "erased_at")
    list_filter = ("marketing_consent", "sms_consent", "locale", ("erased_at", admin.EmptyFieldListFilter))
    search_fields = ("email_key__startswith", "name__istartswith", "phone__exact", "id__exact")
    search_help_text = "E-mail address, start of the name, phone such as +4915112345678, our id"
    ordering = ("-created_at",)
    action_form = ErasureForm
    actions = ("download_data", "erase")

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("subscriptions.export_customer")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("subscriptions.erase_customer")

    @admin.action(description="Download a copy of all data", permissions=["export"])
    def download_data(self, request: HttpRequest, selected: QuerySet[Customer]) -> HttpResponseBase | None:
        customer = self._only_one(request, selected)
        return export_response(customer) if customer is not None else None

    @admin.action(description="Erase for good (type the address again)", permissions=["erase"])
    def erase(self, request: HttpRequest, selected: QuerySet[Customer]) -> None:
        customer = self._only_one(request, selected)
        if customer is None:
            return
        if email_key(request.POST.get("address", "").strip()) != customer.email_key:
            self.message_user(request, "Type the customer's address again to erase the customer.", messages.ERROR)
            return
        try:
            requests.request_erasure(
                customer_id=customer.pk,
                export_declined=bool(request.POST.get("export_declined")),
                actor=actors.staff(UUID(str(request.user.pk))),
                at=timezone.now(),
            )
        except requests.MoneyIsOpen as error:
            self.message_user(request, f"{MONEY_IS_OPEN} {error}", messages.ERROR)
        except requests.ExportMissing:
            self.message_user(request, NO_EXPORT, messages.ERROR)
        else:
            self.message_user(request, "The erasure has begun. See Erasures for its progress.", messages.SUCCESS)

    def _only_one(self, request: HttpRequest, selected: QuerySet[Customer]) -> Customer | None:
        customers = list(selected[:2])
        if len(customers) == 1:
            return customers[0]
        self.message_user(request, "Select one customer only.", messages.ERROR)
        return None


class ErasureStepInline(ReadOnlyTabularInline):
    model = ErasureStep
    verbose_name_plural = "steps"
    fields = ("name", "done_at", "detail", "attempts", "last_error", "reference")
    ordering = ("id",)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Every erasure with its steps and its certificate. An erasure cannot be undone."""

    list_display = ("customer_id", short("status"), "requested_at", "requested_by_kind", "waits", "begun_at", "done_at")
    list_filter = ("status", "requested_by_kind", "requested_at")
    search_fields = ("customer__id__exact", "id__exact")
    search_help_text = "The customer's id, our id of the erasure"
    ordering = ("-id",)
    inlines = (ErasureStepInline,)
    fields = ("customer_id", "status", "export", "requested_at", "requested_by_kind", "requested_by", "waits",
              "begun_at", "done_at", "erased", "kept")  # fmt: skip

    @admin.display(description="waits for")
    def waits(self, erasure: Erasure) -> str:
        return lines(erasure.waits_for) or NOTHING

    @admin.display(description="certificate: erased")
    def erased(self, erasure: Erasure) -> str:
        return lines(f"{e['system']}: {e['what']} ({e['detail']}), {e['at']}" for e in _listed(erasure, "erased"))

    @admin.display(description="certificate: kept")
    def kept(self, erasure: Erasure) -> str:
        return lines(
            f"{e['system']}: {e['what']}. Why: {e['why']}. Until: {e['until'] or 'no end known'}."
            for e in _listed(erasure, "kept")
        )


def _listed(erasure: Erasure, name: str) -> list[dict[str, Any]]:
    return list((erasure.certificate or {}).get(name, []))
