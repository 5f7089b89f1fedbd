"""The API in which a customer follows an order's payment, and pays with another card."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from charges import payment_links
from charges.api.payment_serializers import PaymentMethodInput, PaymentOutput
from charges.operations.payments import new_payment_method
from charges.payment_status import PaymentState, payment_status_of
from charges.throttles import PAYMENT_THROTTLES
from integrations import logs
from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.problems import Conflict
from integrations.web.views import PublicView, reject_large_body
from orders.api.lookups import order_for_token
from orders.models import Order
from subscriptions.locales import translated

NO_STORE = {"Cache-Control": "no-store"}
PAYABLE = (PaymentState.PROCESSING, PaymentState.REQUIRES_ACTION, PaymentState.PAYMENT_FAILED)
TOKEN = OpenApiParameter(
    "token", OpenApiTypes.STR, OpenApiParameter.PATH, description="The token in the checkout's `status_url`."
)
ORDER_NOT_FOUND = problem_response(404, "The token is invalid, or the order does not exist")


class PaymentView(PublicView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="payment_status",
        summary="Follow an order's payment",
        description=(
            "Returns the payment's status. It shows what the customer can do: wait, confirm the payment at "
            "`payment_url`, or pay with another card."
        ),
        auth=[],
        parameters=[TOKEN],
        responses={200: PaymentOutput, **ORDER_NOT_FOUND},
    )
    def get(self, request: Request, token: str) -> Response:
        return Response(_payment(order_for_token(token)), headers=NO_STORE)


class PaymentMethodView(PublicView):
    throttle_classes = PAYMENT_THROTTLES
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="payment_method",
        summary="Pay with another card",
        description=(
            "Charges the order to another card: the `payment_method` of a confirmed setup intent. "
            "Follow the payment for its outcome."
        ),
        auth=[],
        parameters=[TOKEN],
        request=PaymentMethodInput,
        responses={
            202: OpenApiResponse(PaymentOutput, "The card is being charged; follow the payment"),
            **ORDER_NOT_FOUND,
            **BODY_PROBLEMS,
            **problem_response(400, "Malformed: broken JSON, or a field is missing or has the wrong type"),
            **problem_response(409, "There is nothing to pay, or a payment is in progress"),
            **problem_response(422, "The value is not the id of a payment method"),
        },
    )
    def post(self, request: Request, token: str) -> Response:
        reject_large_body(request)
        order = order_for_token(token)
        logs.bind(order_number=order.number)
        serializer = PaymentMethodInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            new_payment_method.replace_payment_method(
                order_id=order.pk, payment_method=serializer.validated_data["payment_method"], at=timezone.now()
            )
        except new_payment_method.PaymentUnderWay:
            raise Conflict("A payment for this order is in progress. Follow it for its outcome.") from None
        except new_payment_method.NothingToPay:
            raise Conflict("There is nothing to pay.") from None
        except new_payment_method.TooManyPaymentMethods as error:
            raise exceptions.Throttled(error.wait, "Too many cards were tried for this order today.") from None
        order.refresh_from_db()
        return Response(_payment(order), status=202, headers=NO_STORE)


def _payment(order: Order) -> dict[str, Any]:
    status = payment_status_of(order=order, at=timezone.now())
    payable = status.state in PAYABLE
    return {
        "status": status.state.value,
        "message": translated(status.explanation, locale=order.contact_locale) if status.explanation else "",
        "payment_url": payment_links.payment_link(order_id=order.pk, at=timezone.now()) if payable else "",
        "next_attempt_at": status.next_attempt_at,
    }
