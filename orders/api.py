"""The doors of the checkout API. Each reads, makes one call, and answers."""

from __future__ import annotations

import hashlib
import re
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from integrations import logs
from orders import status_tokens
from orders.api_problems import CONTENT_TYPE, LARGEST_BODY, BodyTooLarge, InFlight, Unprocessable
from orders.models import Order
from orders.operations import checkout as operations
from orders.serializers import CheckoutInput, CheckoutOutput, OrderOutput, PlanOutput, Problem
from subscriptions.money import LARGEST_AMOUNT
from subscriptions.operations.customers import Buyer
from subscriptions.queries import plan_for_sale, plans_for_sale

KEY = re.compile(r"[\x21-\x7e]{1,255}")

PROBLEMS = {
    (400, CONTENT_TYPE): OpenApiResponse(
        Problem, "Malformed: broken JSON, a field missing or of the wrong type, no usable key"
    ),
    (409, CONTENT_TYPE): OpenApiResponse(Problem, "A request with this key is in flight; see `Retry-After`"),
    (413, CONTENT_TYPE): OpenApiResponse(Problem, f"The body has more than {LARGEST_BODY} bytes"),
    (415, CONTENT_TYPE): OpenApiResponse(Problem, "The body is not `application/json`"),
    (422, CONTENT_TYPE): OpenApiResponse(
        Problem, "An unknown plan; a bad e-mail, phone or address; a key used with another body"
    ),
    (429, CONTENT_TYPE): OpenApiResponse(Problem, "Too many requests; see `Retry-After`"),
    (503, CONTENT_TYPE): OpenApiResponse(Problem, "The database is away; see `Retry-After`"),
}
KEY_PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    pattern=r"^[!-~]{1,255}$",
    description="1 to 255 visible ASCII characters, new for each purchase; the same one repeats the first answer.",
)


class AddressThrottle(SimpleRateThrottle):
    """So many requests a period and client address."""

    def get_ident(self, request: Any) -> str:
        """The client's address; of an IPv6 one its network, for whoever has one address has 2 ** 64 of them."""
        said = super().get_ident(request)
        try:
            address = ip_address(said)
        except ValueError:  # a proxy's own way of writing it, or none
            return said
        if isinstance(address, IPv6Address):
            return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
        return said


class CheckoutThrottle(AddressThrottle):
    """So many checkouts a period and client address (``CHECKOUT_RATE_LIMIT``), counted in each web process."""

    scope = "checkout"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle:checkout:{self.get_ident(request)}"


class PublicView(APIView):
    """For everybody. A login's cookie, which a browser sends along by itself, is not even read."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class CheckoutView(PublicView):
    throttle_classes = (CheckoutThrottle,)
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="checkout",
        summary="Place an order",
        description="Answers as soon as the order stands; the payment is captured right after. Follow `status_url`.",
        parameters=[KEY_PARAMETER],
        auth=[],
        request=CheckoutInput,
        responses={
            201: OpenApiResponse(CheckoutOutput, "The order; `Idempotent-Replayed: true` marks a repeated answer"),
            **PROBLEMS,
        },
    )
    def post(self, request: Request) -> Response:
        refuse_large_body(request)
        key_text = idempotency_key(request)
        key = operations.Key(caller=_caller(request), key=key_text, body_hash=operations.body_hash(request.data))
        answer = _answer(request, key)
        logs.bind(order_number=answer.body["order"]["number"])
        headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
        return Response(answer.body, status=201, headers={**headers, "Cache-Control": "no-store"})


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
            (404, CONTENT_TYPE): OpenApiResponse(Problem, "No such order, or a token that is not ours"),
        },
    )
    def get(self, request: Request, token: str) -> Response:
        order = order_of(token)
        return Response(_describe_order(order, request), headers={"Cache-Control": "no-store"})


class PlansView(PublicView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="plans", summary="What can be bought", auth=[], responses={200: PlanOutput(many=True)}
    )
    def get(self, request: Request) -> Response:
        return Response(PlanOutput(plans_for_sale(), many=True).data)


def _answer(request: Request, key: operations.Key) -> operations.Answer:
    """The stored answer where there is one: a repeated request is not judged by today's plans again."""
    at = timezone.now()
    try:
        earlier = operations.earlier_answer(key=key, at=at)
        if earlier is not None:
            return earlier
        return operations.place_checkout(
            checkout=_checkout(request.data), key=key, at=at, describe=lambda order: _describe(order, request)
        )
    except operations.KeyInFlight:
        raise InFlight from None
    except operations.KeyReused as error:
        raise Unprocessable({"Idempotency-Key": str(error)}) from None


def _checkout(data: Any) -> operations.Checkout:
    serializer = CheckoutInput(data=data)
    serializer.is_valid(raise_exception=True)
    said = serializer.validated_data
    plan = plan_for_sale(code=said["plan"])
    if plan is None:
        raise Unprocessable({"plan": "There is no such plan for sale; see /api/v1/plans/."})
    if plan.needs_address and said["shipping_address"] is None:
        raise Unprocessable({"shipping_address": "This plan is shipped; an address is needed."})
    if plan.amount * said["quantity"] > LARGEST_AMOUNT:
        raise Unprocessable({"quantity": "So many of this plan cost more than one payment may be."})
    return operations.Checkout(
        plan=plan,
        quantity=said["quantity"],
        payment_method=said["payment_method"],
        buyer=Buyer(**said["customer"]),
        shipping_address=said["shipping_address"],
    )


def _describe(order: Order, request: Request) -> dict[str, Any]:
    return {
        "order": _describe_order(order, request),
        "subscription": {"id": str(order.subscription_id), "status": order.subscription.status},
        "customer": {"id": str(order.customer_id)},
    }


def _describe_order(order: Order, request: Request) -> dict[str, Any]:
    token = status_tokens.token_of(order_id=order.pk)
    return {
        "number": order.number,
        "status": order.status,
        "amount": order.amount,
        "currency": order.currency,
        "status_url": reverse("order-status", kwargs={"token": token}, request=request),
    }


def order_of(token: str) -> Order:
    """The order that a status token is for; 404 where it is none of ours."""
    try:
        return status_tokens.order_of(token=token)
    except status_tokens.BadToken:
        raise exceptions.NotFound("There is no such order.") from None


def idempotency_key(request: Request, *, what: str = "purchase") -> str:
    """The request's ``Idempotency-Key``; a request without a usable one is malformed."""
    key = request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        code = "required" if not key else "invalid_type"
        message = f"This header is required: 1 to 255 visible ASCII characters, new for each {what}."
        raise exceptions.ValidationError({"Idempotency-Key": [exceptions.ErrorDetail(message, code=code)]})
    return key


def _caller(request: Request) -> str:
    """Whose keys these are: those of whoever sends this Authorization header.

    Not the client's address: a phone that changes from Wi-Fi to mobile data would buy twice.
    """
    return hashlib.sha256(f"authorization:{request.headers.get('Authorization', '')}".encode()).hexdigest()


def refuse_large_body(request: Request) -> None:
    """Before a byte of it is read, where its length is told."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > LARGEST_BODY:
        raise BodyTooLarge
