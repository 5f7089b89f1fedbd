"""``me/``: what a customer can read and change about the account."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.pagination import CURSOR_PARAMETER, NewestFirst
from integrations.web.problems import Conflict, Unprocessable
from integrations.web.views import reject_large_body
from subscriptions import queries
from subscriptions.api.customer_views import (
    ACCOUNT_PROBLEMS,
    ACTS_FOR_PARAMETER,
    NO_STORE,
    CustomerView,
    require_fresh_login,
)
from subscriptions.api.me_serializers import (
    CustomerChanges,
    CustomerData,
    EmailConfirmationInput,
    EmailInput,
    OwnSubscription,
    OwnSubscriptionPage,
)
from subscriptions.operations import email_changes, profiles

BAD_LINK = "This link is invalid, has expired, or was replaced by a newer one."
CHANGE_PROBLEMS = {
    **ACCOUNT_PROBLEMS,
    **BODY_PROBLEMS,
    **problem_response(422, "Well formed, but not possible, such as an invalid phone number"),
}


class MeView(CustomerView):
    http_method_names = ["get", "head", "patch", "options"]

    @extend_schema(
        operation_id="me",
        summary="Read the account",
        parameters=[ACTS_FOR_PARAMETER],
        responses={200: CustomerData, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        return Response(CustomerData(self.customer).data, headers=NO_STORE)

    @extend_schema(
        operation_id="change_me",
        summary="Change name, phone, language or consents",
        description="Only the fields that are sent change. The address has an endpoint of its own.",
        parameters=[ACTS_FOR_PARAMETER],
        request=CustomerChanges,
        responses={200: CustomerData, **CHANGE_PROBLEMS},
    )
    def patch(self, request: Request) -> Response:
        reject_large_body(request)
        serializer = CustomerChanges(data=request.data)
        serializer.is_valid(raise_exception=True)
        customer = profiles.update_profile(customer_id=self.customer.pk, changes=serializer.validated_data)
        return Response(CustomerData(customer).data, headers=NO_STORE)


class MyEmailView(CustomerView):
    session_only = True
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="request_email_change",
        summary="Ask for another address",
        description="Needs a login younger than 15 minutes. A link goes to the new address, a notice to the old one. "
        "The answer is the same if another account has the address.",
        request=EmailInput,
        responses={202: OpenApiResponse(None, "If the address is free, a link is on its way to it"), **CHANGE_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        reject_large_body(request)
        serializer = EmailInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        require_fresh_login(request)
        email_changes.request_email_change(
            customer_id=self.customer.pk, email=serializer.validated_data["email"], at=timezone.now()
        )
        return Response(status=202, headers=NO_STORE)


class MyEmailConfirmationView(CustomerView):
    session_only = True
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="confirm_email_change",
        summary="Confirm another address",
        description="In a session of the same customer. Links and codes sent to the old address end.",
        request=EmailConfirmationInput,
        responses={
            200: CustomerData,
            **CHANGE_PROBLEMS,
            **problem_response(409, "Another account has this address"),
        },
    )
    def post(self, request: Request) -> Response:
        reject_large_body(request)
        serializer = EmailConfirmationInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            customer = email_changes.confirm_email_change(
                token=serializer.validated_data["token"], customer_id=self.customer.pk, at=timezone.now()
            )
        except email_changes.UnableToConfirm:
            raise Unprocessable({"token": BAD_LINK}) from None
        except email_changes.AddressTaken:
            raise Conflict("Another account has this address.") from None
        return Response(CustomerData(customer).data, headers=NO_STORE)


class MySubscriptionsView(CustomerView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="my_subscriptions",
        summary="List the subscriptions",
        description="Newest first, 50 a page.",
        parameters=[ACTS_FOR_PARAMETER, CURSOR_PARAMETER],
        responses={200: OwnSubscriptionPage, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        found = queries.subscriptions_in_detail(customer_id=self.customer.pk)
        page = pages.paginate_queryset(found, request, view=self)
        described = OwnSubscription(page, many=True, context={"at": timezone.now()})
        response = pages.get_paginated_response(described.data)
        response.headers["Cache-Control"] = "no-store"
        return response


class MySubscriptionView(CustomerView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="my_subscription",
        summary="Read a subscription",
        parameters=[ACTS_FOR_PARAMETER, OpenApiParameter("subscription_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={200: OwnSubscription, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request, subscription_id: UUID) -> Response:
        found = queries.subscriptions_in_detail(customer_id=self.customer.pk).filter(pk=subscription_id).first()
        if found is None:
            raise exceptions.NotFound("There is no such subscription.")
        return Response(OwnSubscription(found, context={"at": timezone.now()}).data, headers=NO_STORE)
