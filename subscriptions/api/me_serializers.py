"""The input and output of ``me/`` as JSON. The OpenAPI schema shows the help texts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.web.fields import StrictBooleanField, StrictCharField
from integrations.web.serializers import StrictSerializer
from subscriptions.api.fields import EmailAddressField, LocaleField, PhoneField
from subscriptions.models import Hold, PendingChange, Price, Subscription
from subscriptions.operations.actions import Action, allowed_actions
from subscriptions.operations.skips import coming_periods


class CustomerChanges(StrictSerializer):
    name = StrictCharField(max_length=200, required=False)
    phone = PhoneField(required=False, allow_blank=True, help_text="International, such as +49 151 12345678, or empty.")
    locale = LocaleField(required=False)
    marketing_consent = StrictBooleanField(required=False)
    sms_consent = StrictBooleanField(required=False)


class CustomerData(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True, help_text="E.164, or empty.")
    locale = serializers.CharField()
    marketing_consent = serializers.BooleanField()
    sms_consent = serializers.BooleanField()


class EmailInput(StrictSerializer):
    email = EmailAddressField(help_text="The new address. The old one stays until the new one is confirmed.")


class EmailConfirmationInput(StrictSerializer):
    token = StrictCharField(max_length=200, help_text="The part of the link after `/login/email/`.")


class OwnPendingChange(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=PendingChange.Kind.choices)
    when = serializers.ChoiceField(choices=PendingChange.When.choices)
    plan = serializers.CharField(source="price.plan.code", default=None, allow_null=True, help_text="The new plan.")
    quantity = serializers.IntegerField(allow_null=True, help_text="The new quantity.")
    lift_at = serializers.DateTimeField(allow_null=True, help_text="When a planned pause ends. Null: not planned.")
    reason = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class OwnComingPeriod(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Name it to skip the period.")
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    cut_off_at = serializers.DateTimeField(help_text="Until then it can be skipped, or the skip be undone.")
    is_skipped = serializers.BooleanField()


class OwnSubscription(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Subscription.Status.choices)
    plan = serializers.CharField(source="plan.code")
    plan_name = serializers.CharField(source="plan.name")
    quantity = serializers.IntegerField()
    unit_amount = serializers.IntegerField(
        source="price.amount", help_text="Per unit and period, in minor units of the currency."
    )
    currency = serializers.CharField(source="price.currency", help_text="ISO 4217.")
    interval = serializers.ChoiceField(source="price.interval", choices=Price.Interval.choices)
    interval_count = serializers.IntegerField(source="price.interval_count")
    current_period_start = serializers.DateTimeField()
    current_period_end = serializers.DateTimeField()
    renews_at = serializers.DateTimeField(allow_null=True, help_text="Null: it does not renew.")
    trial_ends_at = serializers.SerializerMethodField(help_text="Null: not in a trial.")
    canceled_at = serializers.DateTimeField(allow_null=True)
    cancel_reason = serializers.CharField(allow_blank=True)
    paused_because = serializers.SerializerMethodField(help_text="The reasons for a pause, sorted.")
    paused_until = serializers.SerializerMethodField(help_text="Null: not paused, or without a planned end.")
    allowed_actions = serializers.SerializerMethodField(help_text="What can be done with it now, sorted.")
    pending_changes = OwnPendingChange(many=True)
    coming_periods = serializers.SerializerMethodField(
        help_text="The next deliveries. Empty if nothing is shipped, or if it does not renew."
    )
    created_at = serializers.DateTimeField()

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_trial_ends_at(self, subscription: Subscription) -> str | None:
        # After its end, a subscription is trialing until its first charge is paid.
        if subscription.status != Subscription.Status.TRIALING or subscription.period_number > 0:
            return None
        return serializers.DateTimeField().to_representation(subscription.current_period_end)

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Hold.Reason.choices)))
    def get_paused_because(self, subscription: Subscription) -> list[str]:
        return sorted(hold.reason for hold in subscription.holds.all())

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_paused_until(self, subscription: Subscription) -> str | None:
        ends = [hold.lift_at for hold in subscription.holds.all()]
        known = [end for end in ends if end is not None]
        last = max(known) if known and len(known) == len(ends) else None
        return serializers.DateTimeField().to_representation(last) if last else None

    @extend_schema_field(OwnComingPeriod(many=True))
    def get_coming_periods(self, subscription: Subscription) -> Any:
        return OwnComingPeriod(coming_periods(subscription=subscription), many=True).data

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=sorted(Action))))
    def get_allowed_actions(self, subscription: Subscription) -> list[str]:
        return sorted(allowed_actions(subscription=subscription, at=self.context["at"]))


class OwnSubscriptionPage(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OwnSubscription(many=True)
