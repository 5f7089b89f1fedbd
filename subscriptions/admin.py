from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.forms import AdminUserCreationForm

from integrations.admin import EditableAdmin, LoginAdmin, ReadOnlyAdmin, short
from subscriptions.email_addresses import email_key
from subscriptions.models import Customer, Plan, Subscription, User
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


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("customer", "status", short("status_reason"), "plan", "quantity", "current_period_start",
                    "current_period_end")  # fmt: skip
    list_filter = ("status", "status_reason", "plan")
    list_select_related = ("customer", "plan")
    search_fields = ("id__exact", "customer__email_key__startswith")
    search_help_text = "E-mail address, our id"
    ordering = ("-id",)
