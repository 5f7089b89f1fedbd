"""The customers and payment methods that the shop created at Stripe. Read-only."""

from __future__ import annotations

from django.contrib import admin

from charges.models import SavedPaymentMethod, StripeCustomer
from integrations.admin import ReadOnlyAdmin


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnlyAdmin):
    list_display = ("customer", "stripe_id", "created_at")
    fields = ("customer", "stripe_id", "creation_requested_at", "created_at", "key_version")
    list_filter = ("created_at",)
    search_fields = ("customer__email_key__startswith", "stripe_id__exact")
    search_help_text = "E-mail address, id at Stripe"
    list_select_related = ("customer",)
    ordering = ("-id",)


@admin.register(SavedPaymentMethod)
class SavedPaymentMethodAdmin(ReadOnlyAdmin):
    list_display = ("customer", "payment_method_id", "stripe_id", "brand", "last4", "is_default", "added_at",
                    "removed_at", "created_at")  # fmt: skip
    fields = ("customer", "payment_method_id", "stripe_id", "brand", "last4", "exp_month", "exp_year", "is_default",
              "added_at", "removed_at", "failure_code", "creation_requested_at", "created_at",
              "key_version")  # fmt: skip
    list_filter = ("created_at",)
    search_fields = ("customer__email_key__startswith", "payment_method_id__exact", "stripe_id__exact")
    search_help_text = "E-mail address, id of the payment method from the checkout or at Stripe"
    list_select_related = ("customer",)
    ordering = ("-id",)
