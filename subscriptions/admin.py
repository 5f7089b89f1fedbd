from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest

from integrations.admin import NOTHING, EditableAdmin, LoginAdmin, ReadOnlyAdmin, ReadOnlyTabularInline, short
from subscriptions.api_key_admin import ApiKeyAdmin as ApiKeyAdmin
from subscriptions.email_addresses import email_key
from subscriptions.models import Customer, Hold, Plan, Subscription, SubscriptionChange, User
from subscriptions.money import formatted


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        return email_key(str(self.cleaned_data["email"]))


@admin.register(User)
class UserAdmin(LoginAdmin):
    """Logins of staff and customers."""

    add_form = NewUserForm
    list_display = ("email", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email",)
    ordering = ("email",)
    readonly_fields = ("date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),)


@admin.register(Plan)
class PlanAdmin(EditableAdmin):
    """The plans that the shop sells. Orders keep the price at which they were placed."""

    list_display = ("code", "name", "price", "interval_count", "interval", "is_digital", "is_active")
    list_filter = ("is_active", "interval", "is_digital")
    search_fields = ("code", "name")

    @admin.display(ordering="amount")
    def price(self, plan: Plan) -> str:
        return formatted(amount=plan.amount, currency=plan.currency)


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    list_display = ("email", "name", "phone", "locale", "marketing_consent", "sms_consent", "created_at")
    list_filter = ("marketing_consent", "sms_consent", "locale")
    search_fields = ("email_key__startswith", "name__istartswith", "phone__exact", "id__exact")
    search_help_text = "E-mail address, start of the name, phone such as +4915112345678, our id"
    ordering = ("-created_at",)


class OpenHoldFilter(admin.SimpleListFilter):
    """Paused subscriptions by the reason of an open hold."""

    title = "open hold"
    parameter_name = "hold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason.value, str(reason.label)) for reason in Hold.Reason]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> QuerySet[Subscription]:
        if self.value() not in Hold.Reason.values:
            return queryset
        # At most one hold for each reason is open, so the join yields each subscription once.
        return queryset.filter(holds__reason=self.value(), holds__lifted_at=None)


class HoldInline(ReadOnlyTabularInline):
    model = Hold
    fields = ("reason", "placed_at", "placed_by_kind", "placed_by", "lift_at", "lifted_at", "lifted_by_kind",
              "lifted_by")  # fmt: skip
    ordering = ("-placed_at",)


class SubscriptionChangeInline(ReadOnlyTabularInline):
    model = SubscriptionChange
    verbose_name_plural = "changes"
    fields = ("at", "kind", "from_status", "to_status", "reason", "actor_kind", "actor", "details")
    ordering = ("-at", "-id")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Every subscription, with the reasons for a pause and the changes of its life."""

    list_display = ("customer", short("status"), "open_holds", "plan", "quantity", "current_period_start",
                    "current_period_end")  # fmt: skip
    list_filter = ("status", OpenHoldFilter, "plan")
    list_select_related = ("customer", "plan")
    search_fields = ("id__exact", "customer__email_key__startswith")
    search_help_text = "E-mail address, our id"
    ordering = ("-id",)
    inlines = (HoldInline, SubscriptionChangeInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        open_holds = Prefetch("holds", queryset=Hold.objects.filter(lifted_at=None).order_by("reason"), to_attr="open")
        return super().get_queryset(request).prefetch_related(open_holds)

    @admin.display(description="paused because")
    def open_holds(self, subscription: Any) -> str:
        return ", ".join(hold.reason for hold in subscription.open) or NOTHING
