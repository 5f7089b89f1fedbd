from __future__ import annotations

from django.contrib import admin

from integrations.admin import ReadOnlyAdmin
from orders.models import Order, OrderLine
from subscriptions.money import formatted


class OrderLines(admin.TabularInline):
    model = OrderLine
    extra = 0
    can_delete = False


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Every order; those that are paid, or refunded in part, and not fulfilled are what is to be shipped."""

    list_display = ("number", "status", "paid_at", "fulfilled_at", "total", "customer", "placed_at")
    list_filter = ("status", ("fulfilment_started_at", admin.EmptyFieldListFilter),
                   ("fulfilled_at", admin.EmptyFieldListFilter), "currency")  # fmt: skip
    list_select_related = ("customer",)
    search_fields = ("number__exact", "id__exact", "customer__email_key__startswith")
    ordering = ("-id",)
    inlines = (OrderLines,)

    @admin.display(ordering="amount")
    def total(self, order: Order) -> str:
        return formatted(amount=order.amount, currency=order.currency)
