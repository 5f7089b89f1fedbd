"""``me/subscriptions/{id}/``: the base of what a customer does with a subscription, and the actions of this app."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.web.fields import StrictIntegerField
from integrations.web.idempotency import body_hash, idempotency_key, key_parameter
from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.problems import Conflict, Unprocessable
from integrations.web.serializers import StrictSerializer
from integrations.web.views import reject_large_body
from subscriptions import actors, queries
from subscriptions.actors import Actor
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, ACTS_FOR_PARAMETER, NO_STORE, CustomerView
from subscriptions.api.me_serializers import OwnSubscription
from subscriptions.models import Subscription
from subscriptions.operations import cancellation, skips
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.commands import Command, KeyReused

SUBSCRIPTION_PARAMETER = OpenApiParameter("subscription_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
ACTION_PARAMETERS = [
    ACTS_FOR_PARAMETER,
    SUBSCRIPTION_PARAMETER,
    key_parameter(purpose="action", replay="the same key acts once and returns the subscription again."),
]
ACTION_RESPONSES: dict[Any, Any] = {
    200: OpenApiResponse(OwnSubscription, "The subscription as it is now; `Idempotent-Replayed: true`: of an old key"),
    **ACCOUNT_PROBLEMS,
    **BODY_PROBLEMS,
    **problem_response(409, "The subscription does not allow this now; `detail` names the allowed actions"),
    **problem_response(422, "Well formed, but not possible, or the key had another body"),
}


MAX_PERIOD_NUMBER = 2_147_483_647


class NoInput(StrictSerializer):
    """An empty object."""


class PeriodInput(StrictSerializer):
    period = StrictIntegerField(
        min_value=1, max_value=MAX_PERIOD_NUMBER, help_text="The number of one of the `coming_periods`."
    )


class SubscriptionActionView(CustomerView):
    """A view that does one thing with a subscription of the customer.

    ``act`` calls one operation, which returns False if it carried out the command before. ``conflicts``: the errors of
    the operation that become a 409.
    """

    http_method_names = ["post", "options"]
    conflicts: ClassVar[tuple[type[Exception], ...]] = (ActionNotAllowed,)

    def respond(
        self,
        request: Request,
        subscription_id: UUID,
        *,
        body: type[StrictSerializer],
        act: Callable[[Mapping[str, Any], Actor, Command, dt.datetime], bool],
    ) -> Response:
        """Check the request, carry out the command once, and describe the subscription."""
        reject_large_body(request)
        key = idempotency_key(request, purpose="action")
        serializer = body(data=request.data)
        serializer.is_valid(raise_exception=True)
        self.own_subscription(subscription_id)
        command = Command(key=key, request_hash=body_hash([type(self).__name__, request.data]))
        at = timezone.now()
        try:
            is_new = act(serializer.validated_data, actors.customer(self.customer.pk), command, at)
        except self.conflicts as error:
            raise Conflict(str(error)) from None
        except KeyReused as error:
            raise Unprocessable({"Idempotency-Key": str(error)}) from None
        described = OwnSubscription(self.own_subscription(subscription_id), context={"at": at})
        return Response(described.data, headers=NO_STORE if is_new else {**NO_STORE, "Idempotent-Replayed": "true"})

    def own_subscription(self, subscription_id: UUID) -> Subscription:
        """The customer's subscription with what its description needs. Raises ``NotFound`` (404)."""
        found = queries.subscriptions_in_detail(customer_id=self.customer.pk).filter(pk=subscription_id).first()
        if found is None:
            raise exceptions.NotFound("There is no such subscription.")
        return found


class UndoView(SubscriptionActionView):
    @extend_schema(
        operation_id="undo_planned_change",
        summary="Undo a planned cancellation, pause or change",
        description="The subscription renews as before. Nothing is ordered or charged. A change of plan that waits for "
        "its payment is dropped.",
        parameters=ACTION_PARAMETERS,
        request=NoInput,
        responses=ACTION_RESPONSES,
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        return self.respond(
            request,
            subscription_id,
            body=NoInput,
            act=lambda _, actor, command, at: cancellation.undo(
                subscription_id=subscription_id, actor=actor, command=command, at=at
            ),
        )


class SkipView(SubscriptionActionView):
    conflicts = (ActionNotAllowed, skips.UnableToSkip)

    @extend_schema(
        operation_id="skip_period",
        summary="Skip a delivery",
        description="It is neither delivered nor charged. The other deliveries keep their dates. Possible before its "
        "cut-off, for as many coming deliveries as the plan allows.",
        parameters=ACTION_PARAMETERS,
        request=PeriodInput,
        responses=ACTION_RESPONSES,
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        return self.respond(
            request,
            subscription_id,
            body=PeriodInput,
            act=lambda data, actor, command, at: skips.skip(
                subscription_id=subscription_id,
                period_number=data["period"],
                actor=actor,
                command=command,
                at=at,
            ),
        )


class UnskipView(SubscriptionActionView):
    conflicts = (ActionNotAllowed, skips.UnableToSkip)

    @extend_schema(
        operation_id="unskip_period",
        summary="Undo the skip of a delivery",
        description="It is delivered and charged again. Possible before its cut-off.",
        parameters=ACTION_PARAMETERS,
        request=PeriodInput,
        responses=ACTION_RESPONSES,
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        return self.respond(
            request,
            subscription_id,
            body=PeriodInput,
            act=lambda data, actor, command, at: skips.unskip(
                subscription_id=subscription_id,
                period_number=data["period"],
                actor=actor,
                command=command,
                at=at,
            ),
        )
