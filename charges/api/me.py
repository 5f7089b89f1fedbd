"""``me/payment-methods/``: the cards that a logged-in customer adds, prefers and removes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from charges import queries
from charges.api.payment_serializers import PaymentMethodInput
from charges.models import SavedPaymentMethod
from charges.operations.payments import wallet
from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.pagination import CURSOR_PARAMETER, NewestFirst
from integrations.web.problems import Conflict, Unprocessable
from integrations.web.serializers import StrictSerializer
from integrations.web.views import reject_large_body
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, ACTS_FOR_PARAMETER, NO_STORE, CustomerView

ID = OpenApiParameter("saved_payment_method_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
MAX_SUBSCRIPTIONS = 100
CHANGE_PROBLEMS = {
    **ACCOUNT_PROBLEMS,
    **BODY_PROBLEMS,
    **problem_response(422, "Not the id of a payment method, or of one that was removed"),
}


class OwnPaymentMethod(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.SerializerMethodField(help_text="`pending` until Stripe answers, then `ready` or `failed`.")
    brand = serializers.CharField(allow_blank=True, help_text="Such as visa. Empty until it is ready.")
    last4 = serializers.CharField(allow_blank=True)
    exp_month = serializers.IntegerField(allow_null=True)
    exp_year = serializers.IntegerField(allow_null=True)
    is_default = serializers.BooleanField()
    added_at = serializers.DateTimeField()

    def get_status(self, saved: SavedPaymentMethod) -> str:
        if saved.failure_code:
            return "failed"
        return "ready" if saved.brand else "pending"


class OwnPaymentMethodPage(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OwnPaymentMethod(many=True)


class DefaultInput(StrictSerializer):
    subscriptions = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MAX_SUBSCRIPTIONS,
        help_text="The subscriptions to charge to it. Without this field: all that have not ended.",
    )


class MyPaymentMethodsView(CustomerView):
    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(
        operation_id="my_payment_methods",
        summary="List the payment methods",
        description="Those that the customer added here, newest first. Cards of checkouts are not among them.",
        parameters=[ACTS_FOR_PARAMETER, CURSOR_PARAMETER],
        responses={200: OwnPaymentMethodPage, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        page = pages.paginate_queryset(queries.payment_methods_of(customer_id=self.customer.pk), request, view=self)
        response = pages.get_paginated_response(OwnPaymentMethod(page, many=True).data)
        response.headers["Cache-Control"] = "no-store"
        return response

    @extend_schema(
        operation_id="add_payment_method",
        summary="Add a payment method",
        description="The `payment_method` of a confirmed setup intent (`POST /api/v1/setup-intents/`). A worker "
        "attaches it at Stripe: read the list until its status is `ready` or `failed`.",
        parameters=[ACTS_FOR_PARAMETER],
        request=PaymentMethodInput,
        responses={202: OpenApiResponse(OwnPaymentMethod, "It is being attached"), **CHANGE_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        reject_large_body(request)
        serializer = PaymentMethodInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            saved = wallet.add(
                customer_id=self.customer.pk,
                payment_method=serializer.validated_data["payment_method"],
                at=timezone.now(),
            )
        except wallet.PaymentMethodWasRemoved:
            raise Unprocessable({"payment_method": "It was removed. Enter the card again."}) from None
        return Response(OwnPaymentMethod(saved).data, status=202, headers=NO_STORE)


class MyPaymentMethodView(CustomerView):
    http_method_names = ["delete", "options"]

    @extend_schema(
        operation_id="remove_payment_method",
        summary="Remove a payment method",
        parameters=[ACTS_FOR_PARAMETER, ID],
        responses={
            204: OpenApiResponse(None, "It is not charged any more"),
            **ACCOUNT_PROBLEMS,
            **problem_response(409, "A subscription or an unpaid order uses it, or needs it as the last one"),
        },
    )
    def delete(self, request: Request, saved_payment_method_id: UUID) -> Response:
        try:
            wallet.remove(
                customer_id=self.customer.pk, saved_payment_method_id=saved_payment_method_id, at=timezone.now()
            )
        except wallet.PaymentMethodNotFound as error:
            raise exceptions.NotFound(str(error)) from None
        except wallet.InUse as error:
            raise Conflict(str(error)) from None
        return Response(status=204, headers=NO_STORE)


class MyDefaultPaymentMethodView(CustomerView):
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="make_payment_method_default",
        summary="Make a payment method the default",
        description="Later orders are charged to it. Orders that are unpaid now are paid at their payment page.",
        parameters=[ACTS_FOR_PARAMETER, ID],
        request=DefaultInput,
        responses={
            200: OwnPaymentMethod,
            **CHANGE_PROBLEMS,
            **problem_response(409, "Stripe has not accepted it"),
        },
    )
    def post(self, request: Request, saved_payment_method_id: UUID) -> Response:
        reject_large_body(request)
        serializer = DefaultInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            saved = wallet.make_default(
                customer_id=self.customer.pk,
                saved_payment_method_id=saved_payment_method_id,
                subscription_ids=serializer.validated_data.get("subscriptions"),
                at=timezone.now(),
            )
        except wallet.PaymentMethodNotFound as error:
            raise exceptions.NotFound(str(error)) from None
        except wallet.NotReady as error:
            raise Conflict(str(error)) from None
        return Response(OwnPaymentMethod(saved).data, headers=NO_STORE)
