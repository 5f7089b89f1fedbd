"""The checkout's input and output as JSON. What is said here of a field is in the schema, too."""

from __future__ import annotations

from typing import Any

import phonenumbers
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from email_validator import EmailNotValidError, validate_email
from rest_framework import serializers

from integrations.web.fields import (
    PaymentMethodField,
    StrictBooleanField,
    StrictCharField,
    StrictEmailField,
    StrictIntegerField,
    StrictRegexField,
)
from integrations.web.serializers import StrictSerializer
from orders.models import Order
from subscriptions.models import Plan

MOST_UNITS = 1000
LONGEST_E164 = len("+") + 15
# The two-letter codes that ISO 3166-1 gives, as phone metadata does not name all: the form is checked, not the list.
COUNTRY = r"^[A-Z]{2}$"
LOCALE = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"


class CustomerInput(StrictSerializer):
    email = StrictEmailField(max_length=254, help_text="Upper and lower case make no difference.")
    name = StrictCharField(max_length=200)
    phone = StrictCharField(max_length=40, required=False, help_text="International, as +49 151 12345678.")
    locale = StrictRegexField(LOCALE, message="Must be a language tag, as en or de-AT.", max_length=35, required=False)
    marketing_consent = StrictBooleanField(required=False, default=False)
    sms_consent = StrictBooleanField(required=False, default=False)

    def validate_email(self, value: str) -> str:
        try:
            # No SMTPUTF8: neither the mail provider nor the CRM takes such an address.
            found = validate_email(value, check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError as error:
            raise serializers.ValidationError(f"Not an e-mail address: {error}") from None
        return str(found.ascii_email)

    def validate_phone(self, value: str) -> str:
        try:
            number = phonenumbers.parse(value, None)
        except phonenumbers.NumberParseException:
            raise serializers.ValidationError("Not a phone number; write it with + and country code.") from None
        e164 = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        # The metadata holds longer ones possible in some countries, but E.164 itself does not.
        if not phonenumbers.is_possible_number(number) or len(e164) > LONGEST_E164:
            raise serializers.ValidationError("Not a possible phone number; write it with + and country code.")
        return e164


class AddressInput(StrictSerializer):
    name = StrictCharField(max_length=200, required=False)
    line1 = StrictCharField(max_length=200)
    line2 = StrictCharField(max_length=200, required=False, allow_blank=True)
    postal_code = StrictCharField(max_length=20, required=False, allow_blank=True)
    city = StrictCharField(max_length=100)
    region = StrictCharField(max_length=100, required=False, allow_blank=True)
    country = StrictRegexField(COUNTRY, message="Must be a two-letter country code, as DE.", max_length=2)


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
    plan = StrictCharField(max_length=50, help_text="The code of a plan, as coffee-monthly.")
    quantity = StrictIntegerField(min_value=1, max_value=MOST_UNITS, required=False, default=1)
    payment_method = PaymentMethodField()
    customer = CustomerInput()
    shipping_address = AddressInput(required=False, allow_null=True, default=None)


class OrderOutput(serializers.Serializer[Any]):
    number = serializers.CharField(help_text="As 7K3M9-Q2XAB.")
    status = serializers.ChoiceField(choices=Order.Status.choices)
    amount = serializers.IntegerField(help_text="In minor units of the currency: 1290 is 12.90 in euros.")
    currency = serializers.CharField(help_text="ISO 4217.")
    status_url = serializers.URLField(help_text="Follow the order here; needs no login. Keep it to the customer.")


class SubscriptionOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.CharField()


class CustomerOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class CheckoutOutput(serializers.Serializer[Any]):
    order = OrderOutput()
    subscription = SubscriptionOutput()
    customer = CustomerOutput()


class PlanOutput(serializers.ModelSerializer[Plan]):
    class Meta:
        model = Plan
        fields = (
            "code",
            "name",
            "amount",
            "currency",
            "interval",
            "interval_count",
            "is_digital",
            "needs_address",
        )
        read_only_fields = fields
