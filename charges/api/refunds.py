"""Refunds for the shop's own back office: staff by their login, nobody else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from charges import queries
from charges.api.refund_serializers import RefundFilter, RefundInput, RefundOutput, RefundPage
from charges.operations.refunds import requests as refund_requests
from integrations import logs
from integrations.web.idempotency import body_hash, idempotency_key, key_parameter
from integrations.web.openapi import BODY_PROBLEMS, TOO_MANY_REQUESTS, problem_response
from integrations.web.problems import Unprocessable
from integrations.web.throttles import LoginThrottle
from integrations.web.views import refuse_large_body
from subscriptions.models import User

NOT_ALLOWED = problem_response(403, "Not a login of staff with the permission, or sent without its CSRF token")
REFUSALS = {
    **problem_response(400, "Malformed: broken JSON, a field missing or of the wrong type, no usable key"),
    **problem_response(409, "A request with this key is in flight; see `Retry-After`"),
    **problem_response(422, "Nothing was paid for this order; more than is left of it; a key used with another body"),
    **BODY_PROBLEMS,
    **NOT_ALLOWED,
}
KEY_PARAMETER = key_parameter(
    purpose="refund", replay="valid forever: the same key returns the refund of the first request."
)


class RefundPermission(BasePermission):
    """Staff who may look at refunds, or ask for them (``charges.view_refund``, ``charges.add_refund``)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted = "charges.add_refund" if request.method == "POST" else "charges.view_refund"
        return bool(request.user.is_active and request.user.is_staff and request.user.has_perm(wanted))


class RefundThrottle(LoginThrottle):
    """``REFUND_RATE_LIMIT`` requests for each login."""

    scope = "refunds"


class Pages(PageNumberPagination):
    page_size = 50


class RefundsView(APIView):
    permission_classes = (RefundPermission,)
    throttle_classes = (RefundThrottle,)
    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(
        operation_id="request_refund",
        summary="Refund an order",
        description="Answers as soon as the refund stands in our books; Stripe is asked right after. Follow it by its "
        "id: `pending` → `succeeded`, or `failed`, which a bank may make of a succeeded one days later.",
        parameters=[KEY_PARAMETER],
        request=RefundInput,
        responses={
            201: OpenApiResponse(RefundOutput, "The refund; `Idempotent-Replayed: true` marks one that stood before"),
            **REFUSALS,
        },
    )
    def post(self, request: Request) -> Response:
        refuse_large_body(request)
        requested = _requested(request)
        logs.bind(order_number=requested.refund.charge.order.number)
        headers = {"Idempotent-Replayed": "true"} if requested.replayed else {}
        return Response(
            RefundOutput(requested.refund).data, status=201, headers={**headers, "Cache-Control": "no-store"}
        )

    @extend_schema(
        operation_id="refunds_of_order",
        summary="The refunds of an order",
        description="Newest first, 50 a page.",
        parameters=[
            OpenApiParameter("order", OpenApiTypes.STR, required=True, description="Its number, as 7K3M9-Q2XAB."),
            OpenApiParameter("page", OpenApiTypes.INT, description="From 1 on."),
        ],
        responses={
            200: RefundPage,
            **problem_response(400, "No order named"),
            **NOT_ALLOWED,
            **problem_response(404, "There is no such page"),
            **problem_response(422, "Not an order's number"),
            **TOO_MANY_REQUESTS,
        },
    )
    def get(self, request: Request) -> Response:
        asked = RefundFilter(data={name: said for name, said in request.query_params.items() if name == "order"})
        asked.is_valid(raise_exception=True)
        pages = Pages()
        found = queries.refunds_of(order_number=asked.validated_data["order"])
        page = pages.paginate_queryset(found, request, view=self)
        answer = pages.get_paginated_response(RefundOutput(page, many=True).data)
        answer.headers["Cache-Control"] = "no-store"
        return answer


class RefundView(APIView):
    permission_classes = (RefundPermission,)
    throttle_classes = (RefundThrottle,)
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="refund",
        summary="Follow a refund",
        parameters=[OpenApiParameter("refund_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={
            200: RefundOutput,
            **NOT_ALLOWED,
            **problem_response(404, "There is no such refund"),
            **TOO_MANY_REQUESTS,
        },
    )
    def get(self, request: Request, refund_id: UUID) -> Response:
        refund = queries.refund(refund_id=refund_id)
        if refund is None:
            raise exceptions.NotFound("There is no such refund.")
        return Response(RefundOutput(refund).data, headers={"Cache-Control": "no-store"})


def _requested(request: Request) -> refund_requests.Requested:
    key = idempotency_key(request, purpose="refund")
    command = _command(request.data, key=key, user=request.user)
    try:
        return refund_requests.request_refund(command=command, at=timezone.now())
    except refund_requests.UnableToRefund as error:
        raise Unprocessable({error.field: str(error)}) from None


def _command(data: Any, *, key: str, user: Any) -> refund_requests.Command:
    serializer = RefundInput(data=data)
    serializer.is_valid(raise_exception=True)
    assert isinstance(user, User)  # by RefundPermission
    said = serializer.validated_data
    return refund_requests.Command(
        order_number=said["order"],
        amount=said.get("amount"),
        reason=said["reason"],
        note=said["note"],
        requested_by=user,
        key=key,
        hash=body_hash(data),
    )
