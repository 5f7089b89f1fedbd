from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from integrations.admin import NOTHING, EditableAdmin, LoginAdmin, ReadOnlyAdmin, ReadOnlyTabularInline, lines, short
from subscriptions import actors
from subscriptions.api_key_admin import ApiKeyAdmin as ApiKeyAdmin
from subscriptions.customer_admin import CustomerAdmin as CustomerAdmin
from subscriptions.customer_admin import ErasureAdmin as ErasureAdmin
from subscriptions.email_addresses import email_key
from subscriptions.models import (
    BillingPeriod,
    Hold,
    PendingChange,
    Plan,
    Price,
    Reminder,
    Subscription,
    SubscriptionChange,
    User,
)
from subscriptions.models.plans import MAX_TRIAL_DAYS
from subscriptions.money import formatted
from subscriptions.operations.price_changes import request_move
from subscriptions.operations.prices import Terms, set_price
from subscriptions.queries import current_price, current_prices

TERMS = ("amount", "currency", "interval", "interval_count")


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


class PlanForm(forms.ModelForm):
    """A plan with the terms of its current price. If staff change a term, saving makes a new version of the price."""

    amount, currency, interval, interval_count = forms.fields_for_model(Price, fields=TERMS).values()

    class Meta:
        model = Plan
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = current_price(plan=self.instance) if self.instance.pk else None
        if current is not None:
            self.initial = {**asdict(Terms.of(current)), **self.initial}

    def clean(self) -> dict[str, Any]:
        """Check the terms as a price would be checked, so that each error stands beside its field."""
        cleaned = super().clean() or {}
        price = Price(**{term: cleaned.get(term) for term in TERMS})
        try:
            price.full_clean(exclude=[field.name for field in Price._meta.fields if field.name not in TERMS])
        except ValidationError as error:
            for term, errors in error.error_dict.items():
                # A value that its field refused has an error already.
                if term in cleaned or term not in TERMS:
                    self.add_error(term if term in TERMS else None, errors)
        return cleaned

    def terms(self) -> Terms:
        """The terms of the valid form."""
        return Terms(**{term: self.cleaned_data[term] for term in TERMS})


class PriceInline(ReadOnlyTabularInline):
    """The versions of a plan's price, newest first, and the subscriptions on each that have not ended."""

    model = Price
    verbose_name_plural = "versions of the price"
    fields = ("version", "price", "every", "running", "created_at", "created_by_kind", "created_by")
    ordering = ("-version",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Price]:
        has_not_ended = ~Q(subscriptions__status=Subscription.Status.CANCELED)
        counted = Count("subscriptions", filter=has_not_ended)
        return super().get_queryset(request).annotate(running_subscriptions=counted)

    def price(self, price: Price) -> str:
        return formatted(amount=price.amount, currency=price.currency)

    def every(self, price: Price) -> str:
        return _every(price)

    @admin.display(description="running subscriptions")
    def running(self, price: Any) -> int:
        return int(price.running_subscriptions)


@admin.register(Plan)
class PlanAdmin(EditableAdmin):
    """The plans that the shop sells. A change of price makes a new version: running subscriptions keep theirs."""

    form = PlanForm
    list_display = ("code", "name", "price", "every", "is_digital", "is_active")
    list_filter = ("is_active", "is_digital")
    search_fields = ("code", "name")
    inlines = (PriceInline,)
    actions = ("move_running_subscriptions",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            (None, {"fields": ("code", "name", "is_digital", "needs_address")}),
            ("Price", {"fields": TERMS, "description": "For new subscriptions. Running ones keep theirs."}),
            ("For sale", {"fields": ("is_active", "available_from", "available_until")}),
            ("Trial", {
                "fields": ("trial_days", "trial_reminder_days"),
                "description": "Each person has one trial. Running trials keep their end.",
            }),
            ("Deliveries and reminders", {"fields": ("renewal_reminder_days", "cut_off_hours", "max_skips")}),
            ("When a payment fails", {"fields": ("unpaid_policy", "dispute_policy")}),
        )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        newest = Prefetch("prices", queryset=current_prices(), to_attr="newest_prices")
        return super().get_queryset(request).prefetch_related(newest)

    def save_model(self, request: HttpRequest, obj: Plan, form: PlanForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        set_price(plan=obj, terms=form.terms(), actor=actors.staff(UUID(str(request.user.pk))), at=timezone.now())

    def has_move_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("subscriptions.change_plan")

    @admin.action(
        description="Move running subscriptions to the current price, with notice", permissions=["move"]
    )
    def move_running_subscriptions(self, request: HttpRequest, selected: QuerySet[Plan]) -> None:
        for price in current_prices().filter(plan__in=selected):
            number = request_move(price=price, staff_id=UUID(str(request.user.pk)))
            words = f"{price.plan}: {number} subscriptions get the current price after the time of notice."
            self.message_user(request, words, messages.SUCCESS if number else messages.WARNING)

    def price(self, plan: Any) -> str:
        return lines(formatted(amount=price.amount, currency=price.currency) for price in plan.newest_prices)

    def every(self, plan: Any) -> str:
        return lines(_every(price) for price in plan.newest_prices)


def _every(price: Price) -> str:
    """The billing interval in words, such as ``month`` or ``2 weeks``."""
    return price.interval if price.interval_count == 1 else f"{price.interval_count} {price.interval}s"


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


class BillingPeriodInline(ReadOnlyTabularInline):
    """The periods, newest first."""

    model = BillingPeriod
    fields = ("number", "start", "end", "outcome", "at")
    ordering = ("-number",)


class PendingChangeInline(ReadOnlyTabularInline):
    """The planned changes, and the ends of earlier ones, newest first."""

    model = PendingChange
    verbose_name_plural = "planned changes"
    fields = ("created_at", "kind", "when", "price", "quantity", "not_before", "lift_at", "reason", "actor_kind",
              "actor", "outcome", "closed_at")  # fmt: skip
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PendingChange]:
        return super().get_queryset(request).select_related("price__plan")


class ReminderInline(ReadOnlyTabularInline):
    """The reminders of trials that end and of renewals, newest first."""

    model = Reminder
    fields = ("created_at", "kind", "boundary", "lead_days")
    ordering = ("-created_at",)


class SubscriptionChangeInline(ReadOnlyTabularInline):
    model = SubscriptionChange
    verbose_name_plural = "changes"
    fields = ("at", "kind", "from_status", "to_status", "reason", "actor_kind", "actor", "details")
    ordering = ("-at", "-id")


_subscription_actions: list[Callable[..., None]] = []


def register_subscription_action(action: Callable[..., None]) -> Callable[..., None]:
    """Offer this action in the list of subscriptions. For the admin modules of higher apps.

    Its permission is ``manage``: staff with ``subscriptions.change_subscription``.
    """
    _subscription_actions.append(action)
    return action


class ExtensionForm(forms.Form):
    """How long a trial is extended: ``days``, or the new last day."""

    days = forms.IntegerField(required=False, min_value=1, max_value=MAX_TRIAL_DAYS)
    until = forms.DateField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and (cleaned["days"] is None) == (cleaned["until"] is None):
            raise ValidationError("Enter the days, or the new last day.")
        return cleaned


class SubscriptionActionForm(ActionForm):
    """The inputs of the actions, unchecked: each action checks its own."""

    days = forms.CharField(required=False, widget=forms.NumberInput(attrs={"min": 1, "max": MAX_TRIAL_DAYS}))
    until = forms.CharField(required=False, label="or until", widget=forms.DateInput(attrs={"type": "date"}))


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Every subscription, with the reasons for a pause and the changes of its life."""

    actions = _subscription_actions

    list_display = ("customer", short("status"), "open_holds", "plan", "quantity", "current_period_start",
                    "current_period_end")  # fmt: skip
    list_filter = ("status", OpenHoldFilter, "plan")
    list_select_related = ("customer", "plan")
    search_fields = ("id__exact", "customer__email_key__startswith")
    search_help_text = "E-mail address, our id"
    ordering = ("-id",)
    inlines = (PendingChangeInline, HoldInline, BillingPeriodInline, ReminderInline, SubscriptionChangeInline)
    action_form = SubscriptionActionForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        open_holds = Prefetch("holds", queryset=Hold.objects.filter(lifted_at=None).order_by("reason"), to_attr="open")
        return super().get_queryset(request).prefetch_related(open_holds)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("subscriptions.change_subscription")

    @admin.display(description="paused because")
    def open_holds(self, subscription: Any) -> str:
        return ", ".join(hold.reason for hold in subscription.open) or NOTHING
