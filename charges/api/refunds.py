"""The refunds API for the shop's back office. It requires a staff login with the permission."""

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
from charges.throttles import RefundThrottle
from integrations import logs
from integrations.web.idempotency import body_hash, idempotency_key, key_parameter
from integrations.web.openapi import BODY_PROBLEMS, TOO_MANY_REQUESTS, problem_response
from integrations.web.problems import Unprocessable
from integrations.web.views import reject_large_body
from subscriptions.models import User

NOT_ALLOWED = problem_response(403, "The login is not staff, lacks the permission, or the CSRF token is missing")
PROBLEMS = {
    **problem_response(400, "Malformed: broken JSON, a missing field, a wrong type, or no valid key"),
    **problem_response(409, "A request with this key is being processed; see `Retry-After`"),
    **problem_response(422, "The order is not paid, the amount exceeds what is left, or the key had another body"),
    **BODY_PROBLEMS,
    **NOT_ALLOWED,
}
KEY_PARAMETER = key_parameter(
    purpose="refund", replay="valid forever: the same key returns the refund of the first request."
)


class RefundPermission(BasePermission):
    """Staff with ``charges.view_refund`` may read refunds. Staff with ``charges.add_refund`` may request them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        permission = "charges.add_refund" if request.method == "POST" else "charges.view_refund"
        return bool(request.user.is_active and request.user.is_staff and request.user.has_perm(permission))


class Pages(PageNumberPagination):
    page_size = 50


class RefundsView(APIView):
    permission_classes = (RefundPermission,)
    throttle_classes = (RefundThrottle,)
    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(
        operation_id="request_refund",
        summary="Refund an order",
        description="Returns as soon as the refund is saved. A worker then creates it at Stripe. Follow it by its id: "
        "`pending` → `succeeded` or `failed`. A bank may return a refund days later: `succeeded` → `failed`.",
        parameters=[KEY_PARAMETER],
        request=RefundInput,
        responses={
            201: OpenApiResponse(RefundOutput, "The refund. `Idempotent-Replayed: true`: of an earlier request"),
            **PROBLEMS,
        },
    )
    def post(self, request: Request) -> Response:
        reject_large_body(request)
        requested = _requested(request)
        logs.bind(order_number=requested.refund.charge.order.number)
        headers = {"Idempotent-Replayed": "true"} if requested.replayed else {}
        return Response(
            RefundOutput(requested.refund).data, status=201, headers={**headers, "Cache-Control": "no-store"}
        )

    @extend_schema(
        operation_id="refunds_of_order",
        summary="List the refunds of an order",
        description="Newest first, 50 a page.",
        parameters=[
            OpenApiParameter(
                "order", OpenApiTypes.STR, required=True, description="The order's number, such as 7K3M9-Q2XAB."
            ),
            OpenApiParameter("page", OpenApiTypes.INT, description="The page's number, starting at 1."),
        ],
        responses={
            200: RefundPage,
            **problem_response(400, "The order's number is missing"),
            **NOT_ALLOWED,
            **problem_response(404, "The page does not exist"),
            **problem_response(422, "The value is not an order's number"),
            **TOO_MANY_REQUESTS,
        },
    )
    def get(self, request: Request) -> Response:
        query = RefundFilter(data={name: value for name, value in request.query_params.items() if name == "order"})
        query.is_valid(raise_exception=True)
        pages = Pages()
        refunds = queries.refunds_of(order_number=query.validated_data["order"])
        page = pages.paginate_queryset(refunds, request, view=self)
        response = pages.get_paginated_response(RefundOutput(page, many=True).data)
        response.headers["Cache-Control"] = "no-store"
        return response


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
            **problem_response(404, "The refund does not exist"),
            **TOO_MANY_REQUESTS,
        },
    )
    def get(self, request: Request, refund_id: UUID) -> Response:
        refund = queries.refund(refund_id=refund_id)
        if refund is None:
            raise exceptions.NotFound("There is no refund with this id.")
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
    assert isinstance(user, User)  # RefundPermission guarantees it
    fields = serializer.validated_data
    return refund_requests.Command(
        order_number=fields["order"],
        amount=fields.get("amount"),
        reason=fields["reason"],
        note=fields["note"],
        requested_by=user,
        key=key,
        hash=body_hash(data),
    )
