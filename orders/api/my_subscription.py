"""``me/subscriptions/{id}/``: pause and resume. Both depend on the orders of the subscription."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.web.problems import Unprocessable
from integrations.web.serializers import StrictSerializer
from orders.operations import pauses
from subscriptions.actors import Actor
from subscriptions.api.my_subscription import ACTION_PARAMETERS, ACTION_RESPONSES, NoInput, SubscriptionActionView
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
