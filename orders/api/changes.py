"""``me/subscriptions/{id}/preview/`` and ``…/change/``: change the plan or the quantity of a subscription."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.problems import Conflict, Unprocessable
from integrations.web.views import reject_large_body
from orders.api.change_serializers import ChangeInput, ChangeOutput, QuoteInput, QuoteOutput
from orders.api.descriptions import describe_order
from orders.operations.plan_changes import placing, quotes
from orders.operations.plan_changes.permission import UnableToChange
from subscriptions import actors
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, ACTS_FOR_PARAMETER, NO_STORE
from subscriptions.api.my_subscription import SUBSCRIPTION_PARAMETER, SubscriptionActionView
from subscriptions.operations.actions import ActionNotAllowed

CHANGE_PROBLEMS = {**ACCOUNT_PROBLEMS, **BODY_PROBLEMS}


class PreviewView(SubscriptionActionView):
    @extend_schema(
        operation_id="preview_change",
        summary="Quote a change of plan or quantity",
        description="Nothing changes yet. The quote is valid for 15 minutes; `change/` charges exactly its figures.",
        parameters=[ACTS_FOR_PARAMETER, SUBSCRIPTION_PARAMETER],
        request=QuoteInput,
        responses={
            200: QuoteOutput,
            **CHANGE_PROBLEMS,
            **problem_response(409, "The subscription cannot be changed now; the detail says why"),
            **problem_response(
                422, "No such plan for sale, another currency, nothing that changes, or a total that is not charged"
            ),
        },
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        reject_large_body(request)
        self.own_subscription(subscription_id)
        serializer = QuoteInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            quote = quotes.make_quote(subscription_id=subscription_id, wish=serializer.wish(), at=timezone.now())
        except quotes.ImpossibleTerms as error:
            raise Unprocessable({error.field: str(error)}) from None
        except (UnableToChange, ActionNotAllowed) as error:
            raise Conflict(str(error)) from None
        return Response(QuoteOutput(quote).data, headers=NO_STORE)


class ChangeView(SubscriptionActionView):
    @extend_schema(
        operation_id="change_subscription",
        summary="Change the plan or the quantity",
        description="Makes the change of a quote, once. If it costs something, it is applied when its order is paid. "
        "If the card is declined, or if the customer does not authenticate the payment within a day, the change is "
        "dropped and the subscription stays as it is.",
        parameters=[ACTS_FOR_PARAMETER, SUBSCRIPTION_PARAMETER],
        request=ChangeInput,
        responses={
            200: OpenApiResponse(ChangeOutput, "The change is applied, or planned for the end of the period"),
            202: OpenApiResponse(ChangeOutput, "The order of the change is being paid; follow it at `status_url`"),
            **CHANGE_PROBLEMS,
            **problem_response(
                409, "The quote has expired, was used or is outdated, or the subscription cannot be changed now"
            ),
            **problem_response(422, "There is no such quote for this subscription"),
        },
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        reject_large_body(request)
        self.own_subscription(subscription_id)
        serializer = ChangeInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            placed = placing.change_plan(
                subscription_id=subscription_id,
                quote_id=serializer.validated_data["quote"],
                actor=actors.customer(self.customer.pk),
                at=timezone.now(),
            )
        except placing.QuoteNotFound:
            raise Unprocessable({"quote": "This subscription has no such quote. Ask for one at preview/."}) from None
        except (UnableToChange, ActionNotAllowed) as error:
            raise Conflict(str(error)) from None
        waits = placed.outcome == placing.Outcome.AWAITS_PAYMENT
        return Response(_describe(placed, request), status=202 if waits else 200, headers=NO_STORE)


def _describe(placed: placing.Placed, request: Request) -> dict[str, Any]:
    waits = placed.outcome == placing.Outcome.AWAITS_PAYMENT
    described = {
        "outcome": placed.outcome.value,
        "applies_at": None if waits else placed.quote.applies_at,
        "order": None if placed.order is None else describe_order(placed.order, request),
    }
    return dict(ChangeOutput(described).data)
