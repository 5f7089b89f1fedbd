"""The checkout's input and output as JSON. Help texts appear in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from integrations.web.fields import (
    PaymentMethodField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictRegexField,
)
from integrations.web.serializers import StrictSerializer
from orders.models import Order
from subscriptions.api.fields import EmailAddressField, LocaleField, PhoneField
from subscriptions.models import Price
from subscriptions.time_zones import MAX_TIME_ZONE, known_time_zone

MAX_QUANTITY = 1000
# The form of an ISO 3166-1 code. The list of codes is not checked.
COUNTRY = r"^[A-Z]{2}$"


class CustomerInput(StrictSerializer):
    email = EmailAddressField(help_text="Upper and lower case are the same address.")
    name = StrictCharField(max_length=200)
    phone = PhoneField(required=False, help_text="International, such as +49 151 12345678.")
    locale = LocaleField(required=False)
    marketing_consent = StrictBooleanField(required=False, default=False)
    sms_consent = StrictBooleanField(required=False, default=False)


class AddressInput(StrictSerializer):
    name = StrictCharField(max_length=200, required=False)
    line1 = StrictCharField(max_length=200)
    line2 = StrictCharField(max_length=200, required=False, allow_blank=True)
    postal_code = StrictCharField(max_length=20, required=False, allow_blank=True)
    city = StrictCharField(max_length=100)
    region = StrictCharField(max_length=100, required=False, allow_blank=True)
    country = StrictRegexField(COUNTRY, message="Must be a two-letter country code, such as DE.", max_length=2)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A subscription",
            {
                "plan": "coffee-monthly",
                "quantity": 1,
                "payment_method": "pm_card_visa",
                "customer": {
                    "email": "ada@example.com",
                    "name": "Ada Lovelace",
                    "phone": "+4915112345678",
                    "sms_consent": True,
                },
            },
            request_only=True,
        )
    ]
)
class CheckoutInput(StrictSerializer):
    plan = StrictCharField(max_length=50, help_text="The code of a plan, such as coffee-monthly.")
    quantity = StrictIntegerField(min_value=1, max_value=MAX_QUANTITY, required=False, default=1)
    payment_method = PaymentMethodField()
    customer = CustomerInput()
    shipping_address = AddressInput(required=False, allow_null=True, default=None)
    trial = StrictBooleanField(
        required=False,
        default=True,
        help_text="`false`: buy without the plan's trial, and pay at once. Ignored if the plan has no trial.",
    )
    time_zone = StrictCharField(
        max_length=MAX_TIME_ZONE,
        required=False,
        allow_blank=True,
        allow_null=True,
        default=None,
        help_text="IANA name, such as Europe/Berlin. Billing periods follow its local time. "
        "If it is left out, the shop's time zone applies.",
    )

    def validate_time_zone(self, value: str | None) -> str | None:
        if not value:
            return None
        zone = known_time_zone(value)
        if zone is None:
            raise serializers.ValidationError("There is no such time zone; write an IANA name, such as Europe/Berlin.")
        return zone


class OrderOutput(serializers.Serializer[Any]):
    number = serializers.CharField(help_text="Such as 7K3M9-Q2XAB.")
    status = serializers.ChoiceField(choices=Order.Status.choices)
    amount = serializers.IntegerField(help_text="In minor units of the currency: 1290 is 12.90 in euros.")
    currency = serializers.CharField(help_text="ISO 4217.")
    status_url = serializers.URLField(help_text="Follow the order here, without a login. Show it to the customer only.")


class SubscriptionOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.CharField()


class CustomerOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class FirstChargeOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="When it is charged, unless the customer cancels before.")
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField(help_text="ISO 4217.")


class TrialOutput(serializers.Serializer[Any]):
    ends_at = serializers.DateTimeField()
    first_charge = FirstChargeOutput()


class CheckoutOutput(serializers.Serializer[Any]):
    trial = TrialOutput(allow_null=True, help_text="Null: there is no trial, and the order is charged at once.")
    order = OrderOutput()
    subscription = SubscriptionOutput()
    customer = CustomerOutput()


class PlanOutput(serializers.ModelSerializer[Price]):
    """A plan for sale, with its current price."""

    code = serializers.CharField(source="plan.code", help_text="The value of `plan` at the checkout.")
    name = serializers.CharField(source="plan.name")
    is_digital = serializers.BooleanField(source="plan.is_digital", help_text="Nothing is shipped.")
    needs_address = serializers.BooleanField(source="plan.needs_address", help_text="`shipping_address` is required.")
    trial_days = serializers.IntegerField(
        source="plan.trial_days", help_text="Days before the first charge, once for each person. 0: no trial."
    )

    class Meta:
        model = Price
        fields = (
            "code",
            "name",
            "amount",
            "currency",
            "interval",
            "interval_count",
            "is_digital",
            "needs_address",
            "trial_days",
        )
        read_only_fields = fields
