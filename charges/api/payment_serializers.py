"""The payments API's input and output as JSON. The OpenAPI schema shows the help texts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from charges.payment_status import PaymentState
from integrations.web.fields import PaymentMethodField
from integrations.web.serializers import StrictSerializer


class EmptyInput(StrictSerializer):
    """``{}``, or no body."""


class PaymentMethodInput(StrictSerializer):
    payment_method = PaymentMethodField(help_text="The payment method's id, as `confirmCardSetup` returned it.")


class SetupIntentOutput(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The setup intent's id: seti_….")
    client_secret = serializers.CharField(help_text="For Stripe.js in this browser only. Do not store or log it.")
    publishable_key = serializers.CharField(help_text="The key with which to initialize Stripe.js.")


class PaymentOutput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[(state.value, state.value) for state in PaymentState])
    message = serializers.CharField(
        allow_blank=True,
        help_text="The problem and what the customer can do, in the customer's language. Empty if there is no problem.",
    )
    payment_url = serializers.CharField(
        allow_blank=True, help_text="The payment page of the order. Empty if there is nothing to pay."
    )
    next_attempt_at = serializers.DateTimeField(
        allow_null=True, help_text="When the same card is charged again automatically. Null if it is not."
    )
