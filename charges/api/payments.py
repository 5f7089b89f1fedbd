"""The doors of the payments API: saving a card before the checkout, and paying with another one after it."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from charges import payment_links
from charges.api.payment_serializers import EmptyInput, PaymentMethodInput, PaymentOutput, SetupIntentOutput
from charges.operations.payments import new_payment_method
from charges.payment_status import PaymentState, payment_status_of
from charges.throttles import THROTTLES, SetupIntentThrottle
from integrations import logs
from integrations.errors import ProviderError, TransientError
from integrations.stripe import setup_intents
from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.problems import RETRY_AFTER_SECONDS, Conflict, Unavailable
from integrations.web.views import PublicView, refuse_large_body
from orders.api.lookups import order_for_token
from orders.models import Order
from subscriptions.locales import translated

logger = logging.getLogger(__name__)

NO_STORE = {"Cache-Control": "no-store"}
PAYABLE = (PaymentState.PROCESSING, PaymentState.REQUIRES_ACTION, PaymentState.PAYMENT_FAILED)
MAX_WAIT_SECONDS = 60
TOKEN = OpenApiParameter("token", OpenApiTypes.STR, OpenApiParameter.PATH, description="As in `status_url`.")
NO_SUCH_ORDER = problem_response(404, "No such order, or an invalid token")


class SetupIntentsView(PublicView):
    throttle_classes = (SetupIntentThrottle,)
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="setup_intent",
        summary="Save a card before the checkout",
        description=(
            "Gives what Stripe.js needs to save a card while its owner is there to authenticate: "
            "`stripe.confirmCardSetup(client_secret, …)`. Check out with the `payment_method` that comes of it. "
            "The one call of this API that waits for Stripe."
        ),
        auth=[],
        request=EmptyInput,
        responses={
            201: SetupIntentOutput,
            **problem_response(400, "Malformed: broken JSON, or a field that is not known"),
            **BODY_PROBLEMS,
            **problem_response(503, "Stripe cannot be reached right now; see `Retry-After`"),
        },
    )
    def post(self, request: Request) -> Response:
        refuse_large_body(request)
        EmptyInput(data=request.data).is_valid(raise_exception=True)
        try:
            made = setup_intents.create()
        except ProviderError as error:
            logger.warning("No setup intent could be made: %s", error)
            raise _unavailable(error) from None
        answer = {
            "id": made.id,
            "client_secret": made.client_secret,
            "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        }
        return Response(answer, status=201, headers=NO_STORE)


class PaymentView(PublicView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="payment_status",
        summary="Follow an order's payment",
        description="What the customer can do about it: wait, confirm it at `payment_url`, or give another card.",
        auth=[],
        parameters=[TOKEN],
        responses={200: PaymentOutput, **NO_SUCH_ORDER},
    )
    def get(self, request: Request, token: str) -> Response:
        return Response(_described(order_for_token(token)), headers=NO_STORE)


class PaymentCardView(PublicView):
    throttle_classes = THROTTLES
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="payment_card",
        summary="Pay with another card",
        description=(
            "Takes the `payment_method` of a confirmed setup intent and has the order paid with it. Follow the payment."
        ),
        auth=[],
        parameters=[TOKEN],
        request=PaymentMethodInput,
        responses={
            202: OpenApiResponse(PaymentOutput, "The card is being charged; ask again how the payment stands"),
            **NO_SUCH_ORDER,
            **BODY_PROBLEMS,
            **problem_response(400, "Malformed: broken JSON, a field missing or of a wrong type"),
            **problem_response(409, "Nothing is to be paid, or a payment is running"),
            **problem_response(422, "Not the id of a payment method"),
        },
    )
    def post(self, request: Request, token: str) -> Response:
        refuse_large_body(request)
        order = order_for_token(token)
        logs.bind(order_number=order.number)
        serializer = PaymentMethodInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            new_payment_method.replace_payment_method(
                order_id=order.pk, payment_method=serializer.validated_data["payment_method"], at=timezone.now()
            )
        except new_payment_method.PaymentUnderWay:
            raise Conflict("A payment of this order is running. Ask again how it stands.") from None
        except new_payment_method.NothingToPay:
            raise Conflict("There is nothing to pay.") from None
        except new_payment_method.TooManyPaymentMethods as error:
            raise exceptions.Throttled(error.wait, "Too many cards were tried for this order today.") from None
        order.refresh_from_db()
        return Response(_described(order), status=202, headers=NO_STORE)


def _unavailable(error: ProviderError) -> Unavailable:
    wait = error.retry_after if isinstance(error, TransientError) else None
    return Unavailable(
        "Cards cannot be saved right now. Retry in a few seconds.",
        wait=min(wait or RETRY_AFTER_SECONDS, MAX_WAIT_SECONDS),
    )


def _described(order: Order) -> dict[str, Any]:
    status = payment_status_of(order=order, at=timezone.now())
    payable = status.state in PAYABLE
    return {
        "status": status.state.value,
        "message": translated(status.explanation, locale=order.customer.locale) if status.explanation else "",
        "payment_url": payment_links.payment_link(order_id=order.pk, at=timezone.now()) if payable else "",
        "next_attempt_at": status.next_attempt_at,
    }
