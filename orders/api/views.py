"""The views of the checkout API."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations import logs
from integrations.web.idempotency import body_hash, idempotency_key, key_parameter
from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.problems import RequestInFlight, Unprocessable
from integrations.web.throttles import ClientAddressThrottle
from integrations.web.views import PublicView, reject_large_body
from orders.api.descriptions import describe_order
from orders.api.lookups import order_for_token
from orders.api.serializers import CheckoutInput, CheckoutOutput, OrderOutput, PlanOutput, TrialOutput
from orders.models import Order
from orders.operations import checkout
from orders.operations.payments import is_trial
from subscriptions.api.authentication import ApiKeyAuthentication, api_key_of
from subscriptions.api.throttles import ApiKeyThrottle
from subscriptions.models import ApiKey, Price
from subscriptions.money import why_not_chargeable
from subscriptions.operations.customers import Buyer
from subscriptions.operations.subscriptions import Purchase
from subscriptions.queries import price_for_sale, prices_for_sale

PROBLEMS = {
    **problem_response(401, "The API key is unknown, expired or revoked"),
    **problem_response(403, "The API key lacks the scope `checkout`"),
    **problem_response(400, "Malformed: broken JSON, a field missing or of the wrong type, no usable key"),
    **problem_response(409, "A request with this key is in flight; see `Retry-After`"),
    **problem_response(
        422,
        "An unknown plan or time zone; an invalid e-mail, phone or address; a total that Stripe does not charge; "
        "a trial that was used before (`trial`); a key used with another body",
    ),
    **BODY_PROBLEMS,
}


TRIAL_USED = (
    "The trial was used before with this e-mail address. To buy without a trial, send `trial: false`: the full price "
    "is charged at once."
)


class CheckoutThrottle(ClientAddressThrottle):
    """``CHECKOUT_RATE_LIMIT`` checkouts for each client address. Checkouts with an API key have another limit."""

    scope = "checkout"

    def caller(self, request: Any) -> str | None:
        return None if api_key_of(request) else super().caller(request)


class MayCheckOut(BasePermission):
    """Everybody may buy. An API key needs the scope ``checkout``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = api_key_of(request)
        return key is None or ApiKey.Scope.CHECKOUT in key.scopes


class CheckoutView(APIView):
    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (MayCheckOut,)
    throttle_classes = (CheckoutThrottle, ApiKeyThrottle)
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="checkout",
        summary="Place an order",
        description=(
            "Returns as soon as the order is stored. The payment is captured afterwards: follow `status_url`. If the "
            "plan has a trial, nothing is charged: the card is saved, and `trial` tells when the first charge is due."
        ),
        parameters=[key_parameter(purpose="purchase", replay="the same key returns the first response again.")],
        auth=[{}, {"apiKey": []}],  # type: ignore[list-item]  # without a login, or with an API key
        request=CheckoutInput,
        responses={
            201: OpenApiResponse(CheckoutOutput, "The order; `Idempotent-Replayed: true` marks a repeated response"),
            **PROBLEMS,
        },
    )
    def post(self, request: Request) -> Response:
        reject_large_body(request)
        key_text = idempotency_key(request, purpose="purchase")
        key = checkout.IdempotencyKey(caller=_caller(request), key=key_text, request_hash=body_hash(request.data))
        response = _respond(request, key)
        logs.bind(order_number=response.body["order"]["number"])
        headers = {"Idempotent-Replayed": "true"} if response.replayed else {}
        return Response(response.body, status=201, headers={**headers, "Cache-Control": "no-store"})


class OrderStatusView(PublicView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="order_status",
        summary="Follow an order",
        description="`pending_payment` → `paid` → `fulfilled`, or `requires_action`, or `payment_failed`.",
        auth=[],
        parameters=[OpenApiParameter("token", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses={
            200: OrderOutput,
            **problem_response(404, "No such order, or an invalid token"),
        },
    )
    def get(self, request: Request, token: str) -> Response:
        order = order_for_token(token)
        return Response(describe_order(order, request), headers={"Cache-Control": "no-store"})


class PlansView(PublicView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="plans", summary="What can be bought", auth=[], responses={200: PlanOutput(many=True)}
    )
    def get(self, request: Request) -> Response:
        return Response(PlanOutput(prices_for_sale(at=timezone.now()), many=True).data)


def _respond(request: Request, key: checkout.IdempotencyKey) -> checkout.CheckoutResponse:
    """The stored response if there is one. A repeated request is not validated again: its plan may be gone by now."""
    at = timezone.now()
    try:
        earlier = checkout.stored_response(key=key, at=at)
        if earlier is not None:
            return earlier
        return checkout.place_checkout(
            checkout=_checkout(request.data, at), key=key, at=at, describe=lambda order: _describe(order, request)
        )
    except checkout.KeyInFlight:
        raise RequestInFlight from None
    except checkout.KeyReused as error:
        raise Unprocessable({"Idempotency-Key": str(error)}) from None
    except checkout.TrialUsed:
        raise Unprocessable({"trial": TRIAL_USED}) from None


def _checkout(data: Any, at: dt.datetime) -> checkout.Checkout:
    serializer = CheckoutInput(data=data)
    serializer.is_valid(raise_exception=True)
    bought = serializer.validated_data
    price = price_for_sale(code=bought["plan"], at=at)
    if price is None:
        raise Unprocessable({"plan": "There is no such plan for sale. See /api/v1/plans/."})
    if price.plan.needs_address and bought["shipping_address"] is None:
        raise Unprocessable({"shipping_address": "This plan is shipped, so an address is required."})
    _check_chargeable(price, bought["quantity"])
    purchase = Purchase(
        price=price,
        quantity=bought["quantity"],
        payment_method=bought["payment_method"],
        shipping_address=bought["shipping_address"],
        time_zone=bought["time_zone"] or settings.SHOP_TIME_ZONE,
        trial_days=price.plan.trial_days if bought["trial"] else 0,
    )
    return checkout.Checkout(buyer=Buyer(**bought["customer"]), purchase=purchase)


def _check_chargeable(price: Price, quantity: int) -> None:
    """Refuse a total that Stripe would refuse. The price alone is chargeable, so the error names the quantity."""
    if reason := why_not_chargeable(amount=price.amount * quantity, currency=price.currency):
        raise Unprocessable({"quantity": reason})


def _describe(order: Order, request: Request) -> dict[str, Any]:
    return {
        "order": describe_order(order, request),
        "subscription": {"id": str(order.subscription_id), "status": order.subscription.status},
        "customer": {"id": str(order.customer_id)},
        "trial": _describe_trial(order),
    }


def _describe_trial(order: Order) -> dict[str, Any] | None:
    if not is_trial(order=order):
        return None
    subscription = order.subscription
    first_charge = {
        "at": subscription.renews_at,
        "amount": subscription.price.amount * subscription.quantity,
        "currency": subscription.price.currency,
    }
    return dict(TrialOutput({"ends_at": order.period_end, "first_charge": first_charge}).data)


def _caller(request: Request) -> str:
    """The owner of the key, identified by the API key, or else by the ``Authorization`` header.

    The client's address does not identify it: a phone that changes from Wi-Fi to mobile data would buy twice.
    """
    if (api_key := api_key_of(request)) is not None:
        return hashlib.sha256(f"api-key:{api_key.pk}".encode()).hexdigest()
    return hashlib.sha256(f"authorization:{request.headers.get('Authorization', '')}".encode()).hexdigest()
