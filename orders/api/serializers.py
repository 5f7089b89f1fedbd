"""The checkout's input and output as JSON. Help texts appear in the OpenAPI schema."""

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

MAX_QUANTITY = 1000
MAX_E164_LENGTH = len("+") + 15
# The form of an ISO 3166-1 code. The list of codes is not checked.
COUNTRY = r"^[A-Z]{2}$"
LOCALE = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"


class CustomerInput(StrictSerializer):
    email = StrictEmailField(max_length=254, help_text="Upper and lower case are the same address.")
    name = StrictCharField(max_length=200)
    phone = StrictCharField(max_length=40, required=False, help_text="International, such as +49 151 12345678.")
    locale = StrictRegexField(
        LOCALE, message="Must be a language tag, such as en or de-AT.", max_length=35, required=False
    )
    marketing_consent = StrictBooleanField(required=False, default=False)
    sms_consent = StrictBooleanField(required=False, default=False)

    def validate_email(self, value: str) -> str:
        try:
            # Without SMTPUTF8, because the mail provider and the CRM refuse such addresses.
            found = validate_email(value, check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError as error:
            raise serializers.ValidationError(f"Not an e-mail address: {error}") from None
        return str(found.ascii_email)

    def validate_phone(self, value: str) -> str:
        try:
            number = phonenumbers.parse(value, None)
        except phonenumbers.NumberParseException:
            raise serializers.ValidationError("Not a phone number. Start with + and the country code.") from None
        e164 = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        # The metadata allows longer numbers in some countries, but E.164 does not.
        if not phonenumbers.is_possible_number(number) or len(e164) > MAX_E164_LENGTH:
            raise serializers.ValidationError("Not a possible phone number. Start with + and the country code.")
        return e164


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
