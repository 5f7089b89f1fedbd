"""The payments API's input and output as JSON. What is said here of a field is in the schema, too."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from charges.payment_status import PaymentState
from integrations.web.fields import PaymentMethodField
from integrations.web.serializers import StrictSerializer


class EmptyInput(StrictSerializer):
    """``{}``, or no body at all."""


class PaymentMethodInput(StrictSerializer):
    payment_method = PaymentMethodField(help_text="As `confirmCardSetup` returned it.")


class SetupIntentOutput(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="As seti_….")
    client_secret = serializers.CharField(help_text="For Stripe.js in this browser only; do not store or log it.")
    publishable_key = serializers.CharField(help_text="The key to make Stripe.js with.")


class PaymentOutput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[(state.value, state.value) for state in PaymentState])
    message = serializers.CharField(
        allow_blank=True, help_text="What is wrong and what to do, in the customer's language; empty where nothing is."
    )
    payment_url = serializers.CharField(
        allow_blank=True, help_text="The hosted page on which to pay; empty where there is nothing to pay."
    )
    next_attempt_at = serializers.DateTimeField(
        allow_null=True, help_text="When the same card is tried again without the customer's doing."
    )
