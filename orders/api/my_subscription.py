"""``me/subscriptions/{id}/``: pause and resume. Both depend on the orders of the subscription."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.web.openapi import problem_response
from integrations.web.problems import Conflict, Unprocessable
from integrations.web.serializers import StrictSerializer
from orders.operations import pauses, reinstatement
from subscriptions.actors import Actor
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, ACTS_FOR_PARAMETER, NO_STORE
from subscriptions.api.my_subscription import (
    ACTION_PARAMETERS,
    ACTION_RESPONSES,
    SUBSCRIPTION_PARAMETER,
    NoInput,
    SubscriptionActionView,
)
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.commands import Command

AT_PERIOD_END = "period_end"
NOW = "now"


class PauseInput(StrictSerializer):
    when = serializers.ChoiceField(choices=[AT_PERIOD_END, NOW], help_text="At the end of the paid period, or at once.")
    resume_at = serializers.DateTimeField(
        default=None,
        allow_null=True,
        help_text="When it resumes by itself, at most 366 days after the pause begins. Null: when it is resumed.",
    )


class PauseView(SubscriptionActionView):
    conflicts = (ActionNotAllowed, pauses.UnpaidOrder)

    @extend_schema(
        operation_id="pause_subscription",
        summary="Pause the subscription",
        description="While it is paused, nothing is delivered or charged. `undo` withdraws a pause that is planned for "
        "the end of the period. While an order awaits payment, the answer is 409.",
        parameters=ACTION_PARAMETERS,
        request=PauseInput,
        responses=ACTION_RESPONSES,
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        def act(data: Mapping[str, Any], actor: Actor, command: Command, at: dt.datetime) -> bool:
            pause = pauses.pause_now if data["when"] == NOW else pauses.pause_at_period_end
            return pause(
                subscription_id=subscription_id, resume_at=data["resume_at"], actor=actor, command=command, at=at
            )

        try:
            return self.respond(request, subscription_id, body=PauseInput, act=act)
        except pauses.UnsuitableEnd as error:
            raise Unprocessable({"resume_at": str(error)}) from None


class ResumeView(SubscriptionActionView):
    @extend_schema(
        operation_id="resume_subscription",
        summary="Resume the subscription",
        description="Before the end of the paid period, the period goes on without a charge. Later a new period begins "
        "now, and is charged. A pause for another reason, such as a disputed payment, stays.",
        parameters=ACTION_PARAMETERS,
        request=NoInput,
        responses=ACTION_RESPONSES,
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        return self.respond(
            request,
            subscription_id,
            body=NoInput,
            act=lambda _, actor, command, at: pauses.resume(
                subscription_id=subscription_id, actor=actor, command=command, at=at
            ),
        )


class ReinstatementPreview(serializers.Serializer[Any]):
    plan = serializers.CharField(source="price.plan.code")
    quantity = serializers.IntegerField(source="subscription.quantity")
    unit_amount = serializers.IntegerField(source="price.amount", help_text="Today's price per unit, in minor units.")
    amount = serializers.IntegerField(
        help_text="What is charged at once, in minor units, less the credit of the subscription."
    )
    currency = serializers.CharField(source="price.currency", help_text="ISO 4217.")


class ReinstateView(SubscriptionActionView):
    http_method_names = ["get", "post", "head", "options"]
    conflicts = (ActionNotAllowed, reinstatement.UnableToReinstate)

    @extend_schema(
        operation_id="preview_reinstatement",
        summary="See what a reinstatement costs",
        description="Changes nothing.",
        parameters=[ACTS_FOR_PARAMETER, SUBSCRIPTION_PARAMETER],
        responses={
            200: ReinstatementPreview,
            **ACCOUNT_PROBLEMS,
            **problem_response(409, "It cannot be reinstated; `detail` says why"),
        },
    )
    def get(self, request: Request, subscription_id: UUID) -> Response:
        subscription = self.own_subscription(subscription_id)
        try:
            price = reinstatement.price_of_reinstatement(subscription=subscription, at=timezone.now())
        except self.conflicts as error:
            raise Conflict(str(error)) from None
        amount = reinstatement.first_charge(subscription=subscription, price=price)
        preview = {"subscription": subscription, "price": price, "amount": amount}
        return Response(ReinstatementPreview(preview).data, headers=NO_STORE)

    @extend_schema(
        operation_id="reinstate_subscription",
        summary="Reinstate a canceled subscription",
        description="A new period begins now, at today's price and without a trial, and is charged to the payment "
        "method of the subscription. Until it is paid, the subscription is `incomplete`; if the payment is declined, "
        "it is `canceled` again. Possible for one period after the end; later, check out again.",
        parameters=ACTION_PARAMETERS,
        request=NoInput,
        responses=ACTION_RESPONSES,
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        return self.respond(
            request,
            subscription_id,
            body=NoInput,
            act=lambda _, actor, command, at: reinstatement.reinstate(
                subscription_id=subscription_id, actor=actor, command=command, at=at
            ),
        )
