"""The refunds API's input and output as JSON. The OpenAPI schema shows the help texts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from charges.models import Refund
from integrations.web.fields import StrictCharField, StrictIntegerField, StrictRegexField
from integrations.web.serializers import StrictSerializer
from orders.models import NUMBER_ALPHABET

ORDER_NUMBER = rf"^[{NUMBER_ALPHABET}]{{5}}-[{NUMBER_ALPHABET}]{{5}}$"


class OrderNumberField(StrictRegexField):
    """An order's number, in the form in which e-mails show it."""

    def __init__(self, **kwargs: Any) -> None:
        message = "Must be an order's number, such as 7K3M9-Q2XAB."
        super().__init__(ORDER_NUMBER, message=message, max_length=11, **kwargs)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A partial refund",
            {
                "order": "7K3M9-Q2XAB",
                "amount": 500,
                "reason": "requested_by_customer",
                "note": "the bag was torn",
            },
            description="Replace `order` by the number of a paid order of your shop.",
            request_only=True,
        )
    ]
)
class RefundInput(StrictSerializer):
    order = OrderNumberField(help_text="The number of a paid order.")
    amount = StrictIntegerField(
        min_value=1,
        required=False,
        help_text="In minor units of the order's currency. Default: all that is left of the payment.",
    )
    reason = serializers.ChoiceField(
        choices=Refund.Reason.choices,
        required=False,
        default="",
        help_text="Sent to Stripe, which accepts only these.",
    )
    note = StrictCharField(
        max_length=500,
        required=False,
        allow_blank=True,
        default="",
        help_text="For staff only. Neither Stripe nor the customer reads it.",
    )


class RefundFilter(StrictSerializer):
    order = OrderNumberField()


class RefundOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    order = serializers.CharField(source="charge.order.number")
    status = serializers.ChoiceField(choices=Refund.Status.choices)
    amount = serializers.IntegerField(help_text="In minor units of the currency: 1290 in EUR is 12.90 euros.")
    currency = serializers.CharField(source="charge.currency", help_text="ISO 4217.")
    reason = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    origin = serializers.ChoiceField(choices=Refund.Origin.choices)
    failure_code = serializers.CharField(allow_blank=True, help_text="Stripe's `failure_reason`, if the refund failed.")
    requested_at = serializers.DateTimeField()
    succeeded_at = serializers.DateTimeField(allow_null=True)
    failed_at = serializers.DateTimeField(allow_null=True)


class RefundPage(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = RefundOutput(many=True)
