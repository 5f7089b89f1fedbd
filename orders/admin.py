from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from integrations.admin import ReadOnlyAdmin, link_to
from orders.models import Order, OrderLine, as_order_number
from subscriptions.money import formatted


class OrderLines(admin.TabularInline):
    model = OrderLine
    extra = 0
    can_delete = False
    fields = ("description", "plan", "quantity", "unit_price", "total")
    readonly_fields = fields

    def unit_price(self, line: OrderLine) -> str:
        return formatted(amount=line.unit_amount, currency=line.order.currency)

    def total(self, line: OrderLine) -> str:
        return formatted(amount=line.amount, currency=line.order.currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("order", "plan")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FoundByOrderAdmin(ReadOnlyAdmin):
    """A list whose rows are found by their order's number, however it is typed."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        number = as_order_number(search_term)
        if number and number != search_term:
            # Beside what is found already: ten letters may also be how an e-mail address begins.
            found |= super().get_search_results(request, queryset, number)[0]
        return found, duplicates


@admin.register(Order)
class OrderAdmin(FoundByOrderAdmin):
    """Every order; those that are paid, or refunded in part, and not fulfilled are what is to be shipped."""

    list_display = ("number", "status", "paid_at", "fulfilled_at", "total", "customer", "placed_at")
    list_filter = ("status", ("fulfilment_started_at", admin.EmptyFieldListFilter),
                   ("fulfilled_at", admin.EmptyFieldListFilter), "currency")  # fmt: skip
    list_select_related = ("customer",)
    search_fields = ("number__exact", "id__exact", "customer__email_key__startswith")
    search_help_text = "Order number, e-mail address, our id"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("number", "status", "total", "customer", "subscription", "payment_method",
                           "shipping_address")}),
        ("What became of it", {"fields": ("payment", "dunning", "refunds", "disputes", "messages")}),
        ("Times", {"fields": ("period_start", "period_end", "placed_at", "paid_at", "fulfilment_started_at",
                              "fulfilled_at", "canceled_at", "updated_at")}),
    )  # fmt: skip
    inlines = (OrderLines,)

    @admin.display(ordering="amount")
    def total(self, order: Order) -> str:
        return formatted(amount=order.amount, currency=order.currency)

    # Payments and messages import orders, not the other way round: these are found by the names of the relations.

    def payment(self, order: Order) -> str:
        return _links(_charges(order))

    def dunning(self, order: Order) -> str:
        run = getattr(order, "dunning_run", None)
        return _links([run] if run else [])

    def refunds(self, order: Order) -> str:
        return _links(refund for charge in _charges(order) for refund in charge.refunds.order_by("id"))

    def disputes(self, order: Order) -> str:
        return _links(dispute for charge in _charges(order) for dispute in charge.disputes.order_by("id"))

    @admin.display(description="messages to the customer")
    def messages(self, order: Order) -> str:
        return _links(order.notifications.order_by("id"))


def _charges(order: Order) -> list[Any]:
    """Its charge, if it has come to that."""
    charge = getattr(order, "charge", None)
    return [charge] if charge else []


def _links(rows: Iterable[Any]) -> str:
    """One line for each row: what it is, and its state."""
    links = ((link_to(row, f"{row}: {row.status}"),) for row in rows)
    return format_html_join(mark_safe("<br>"), "{}", links) or "-"
