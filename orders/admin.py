"""The admin page of orders. Higher apps add what they know about an order with ``register_section``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from integrations.admin import ReadOnlyAdmin, ReadOnlyTabularInline, lines, link_to, moment
from orders.models import BalanceEntry, Order, OrderLine, as_order_number
from orders.operations import trials
from subscriptions import actors
from subscriptions.admin import ExtensionForm, SubscriptionAdmin, register_subscription_action
from subscriptions.models import Subscription
from subscriptions.models.plans import MAX_TRIAL_DAYS
from subscriptions.money import formatted
from subscriptions.operations.trials import UnableToExtend

MAX_SECTION_ROWS = 50

Section = Callable[[Order], str]
_sections: dict[str, Section] = {}


def register_section(*, label: str, rows: Callable[[Order], QuerySet[Any]]) -> None:
    """Show these rows on the page of an order, under this label: a link and the status of each, 50 at most.

    Call it in the admin module of a higher app. ``rows`` returns a sorted query of rows that have a ``status``. It must
    load what ``str(row)`` reads, so that each section costs one query.
    """
    if label in _sections:
        raise ImproperlyConfigured(f"Orders have a section {label!r} already.")

    @admin.display(description=label)
    def section(order: Order) -> str:
        found = list(rows(order)[: MAX_SECTION_ROWS + 1])
        links = [link_to(row, f"{row}: {row.status}") for row in found[:MAX_SECTION_ROWS]]
        return lines([*links, "and more"] if len(found) > MAX_SECTION_ROWS else links)

    section.__name__ = label.replace(" ", "_")  # Django makes the field's CSS class of it
    _sections[label] = section


class OrderLineInline(ReadOnlyTabularInline):
    model = OrderLine
    fields = ("description", "plan", "quantity", "unit_price", "total")

    def unit_price(self, line: OrderLine) -> str:
        return formatted(amount=line.unit_amount, currency=line.order.currency)

    def total(self, line: OrderLine) -> str:
        return formatted(amount=line.amount, currency=line.order.currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("order", "plan")


class FoundByOrderAdmin(ReadOnlyAdmin):
    """A list that finds rows by their order's number, with or without its dash, in any case."""

    search_spellings = (as_order_number,)


@admin.register(Order)
class OrderAdmin(FoundByOrderAdmin):
    """All orders. Staff must ship an order if it is paid or partially refunded, and not fulfilled."""

    list_display = ("number", "status", "paid_at", "fulfilled_at", "total", "customer", "placed_at")
    list_filter = ("status", "kind", ("fulfillment_started_at", admin.EmptyFieldListFilter),
                   ("fulfilled_at", admin.EmptyFieldListFilter), "currency")  # fmt: skip
    list_select_related = ("customer",)
    search_fields = ("number__exact", "id__exact", "customer__email_key__startswith")
    search_help_text = "Order number, e-mail address, our id"
    ordering = ("-id",)
    inlines = (OrderLineInline,)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            (None, {"fields": ("number", "kind", "period", "status", "total", "customer", "subscription",
                               "payment_method", "shipping_address")}),
            ("Contact data of this order", {"fields": ("contact_name", "contact_phone", "contact_locale", "sms_consent",
                                                       "marketing_consent")}),
            ("Payment and messages", {"fields": tuple(_sections.values())}),
            ("Times", {"fields": ("period_start", "period_end", "placed_at", "paid_at", "fulfillment_started_at",
                                  "fulfilled_at", "canceled_at", "updated_at")}),
        )  # fmt: skip

    @admin.display(ordering="amount")
    def total(self, order: Order) -> str:
        return formatted(amount=order.amount, currency=order.currency)


@register_subscription_action
@admin.action(description="Extend the trial (enter days, or a date)", permissions=["manage"])
def extend_trial(page: SubscriptionAdmin, request: HttpRequest, selected: QuerySet[Subscription]) -> None:
    form = ExtensionForm(request.POST)
    if not form.is_valid():
        words = f"Enter the days, from 1 to {MAX_TRIAL_DAYS}, or the new last day."
        page.message_user(request, words, messages.ERROR)
        return
    by = form.cleaned_data["days"] or form.cleaned_data["until"]
    actor = actors.staff(UUID(str(request.user.pk)))
    for subscription in selected:
        try:
            end = trials.extend_trial(subscription_id=subscription.pk, by=by, actor=actor, at=timezone.now())
        except UnableToExtend as error:
            page.message_user(request, f"{subscription.customer}: {error}", messages.ERROR)
        else:
            page.message_user(request, f"{subscription.customer}: the trial ends on {moment(end)}.", messages.SUCCESS)


@admin.register(BalanceEntry)
class BalanceEntryAdmin(FoundByOrderAdmin):
    """Credits and carried amounts of subscriptions. Their sum is the balance of the subscription."""

    list_display = ("at", "subscription", "signed_amount", "reason", "order", "actor")
    list_filter = ("reason", "currency")
    list_select_related = ("subscription", "order")
    search_fields = ("subscription__id__exact", "order__number__exact", "subscription__customer__email_key__startswith")
    search_help_text = "Id of the subscription, order number, e-mail address"
    ordering = ("-at", "-id")
    fields = ("subscription", "signed_amount", "reason", "order", "pending_change", "actor_kind", "actor", "at")

    @admin.display(description="Amount", ordering="amount")
    def signed_amount(self, entry: BalanceEntry) -> str:
        return formatted(amount=entry.amount, currency=entry.currency)
