"""``me/subscriptions/{id}/cancel/``: cancel a subscription. It may refund money, so it belongs to this app."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from charges.operations import cancellation
from charges.operations.refunds.unused_part import unused_part
from integrations.web.fields import StrictBooleanField
from integrations.web.serializers import StrictSerializer
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, ACTS_FOR_PARAMETER, NO_STORE
from subscriptions.api.my_subscription import (
    ACTION_PARAMETERS,
    ACTION_RESPONSES,
    SUBSCRIPTION_PARAMETER,
    SubscriptionActionView,
)
from subscriptions.models import CancelReason
from subscriptions.operations.actions import Action, allowed_actions
from subscriptions.operations.cancellation import cancel_at_period_end

AT_PERIOD_END = "period_end"
NOW = "now"


class CancelInput(StrictSerializer):
    when = serializers.ChoiceField(choices=[AT_PERIOD_END, NOW], help_text="At the end of the paid period, or at once.")
    refund = StrictBooleanField(
        default=False, help_text="With `now`: refund the unused part of what was paid for the current period."
    )
    reason = serializers.ChoiceField(choices=CancelReason.choices, default=CancelReason.OTHER)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if data["refund"] and data["when"] != NOW:
            raise serializers.ValidationError({"refund": "Only a cancellation at once refunds the unused part."})
        return data


class CancelPreview(serializers.Serializer[Any]):
    ends_at = serializers.DateTimeField(
        allow_null=True, help_text="When it ends if it is canceled at the end of the period. Null: only at once."
    )
    refund = serializers.IntegerField(
        help_text="What a cancellation at this moment refunds, in minor units. It becomes less with each second."
    )
    currency = serializers.CharField(help_text="ISO 4217.")


class CancelView(SubscriptionActionView):
    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(
        operation_id="preview_cancellation",
        summary="See what a cancellation does",
        description="Changes nothing.",
        parameters=[ACTS_FOR_PARAMETER, SUBSCRIPTION_PARAMETER],
        responses={200: CancelPreview, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request, subscription_id: UUID) -> Response:
        subscription, at = self.own_subscription(subscription_id), timezone.now()
        allowed = allowed_actions(subscription=subscription, at=at)
        preview = {
            "ends_at": subscription.current_period_end if Action.CANCEL_AT_PERIOD_END in allowed else None,
            "refund": unused_part(subscription=subscription, at=at) if Action.CANCEL_NOW in allowed else 0,
            "currency": subscription.price.currency,
        }
        return Response(CancelPreview(preview).data, headers=NO_STORE)

    @extend_schema(
        operation_id="cancel_subscription",
        summary="Cancel the subscription",
        description="At the end of the period, it stays usable until then, and `undo` withdraws the cancellation. At "
        "once, its unpaid orders are canceled, too. While a payment is overdue, it can be canceled at once only.",
        parameters=ACTION_PARAMETERS,
        request=CancelInput,
        responses=ACTION_RESPONSES,
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        return self.respond(
            request,
            subscription_id,
            body=CancelInput,
            act=lambda data, actor, command, at: cancellation.cancel_now(
                subscription_id=subscription_id,
                reason=data["reason"],
                is_refunded=data["refund"],
                actor=actor,
                command=command,
                at=at,
            )
            if data["when"] == NOW
            else cancel_at_period_end(
                subscription_id=subscription_id, reason=data["reason"], actor=actor, command=command, at=at
            ),
        )
