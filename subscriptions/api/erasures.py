"""``me/export/`` and ``me/erasure/``: a copy of all data, and its erasure. ``erasures/``: follow it without a login."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from integrations.web.fields import StrictBooleanField
from integrations.web.openapi import BODY_PROBLEMS, TOO_MANY_REQUESTS, problem_response
from integrations.web.problems import Conflict
from integrations.web.serializers import StrictSerializer
from integrations.web.views import PublicView, reject_large_body
from subscriptions import actors, erasure_tokens, queries
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, NO_STORE, CustomerView, require_fresh_login
from subscriptions.api.sessions import end_session
from subscriptions.api.throttles import LoginAttemptThrottle
from subscriptions.models import Customer, Erasure
from subscriptions.operations.erasures import exports, parts, requests

MONEY_IS_OPEN = "The data cannot be erased while money is open. Settle this first, then try again."
NO_EXPORT = "Download a copy of your data first (me/export/), or send export_declined: true if you want none."


class ErasureInput(StrictSerializer):
    export_declined = StrictBooleanField(
        required=False, default=False, help_text="True: the customer wants no copy. Not needed after `me/export/`."
    )


class ErasureReadiness(serializers.Serializer[Any]):
    possible = serializers.BooleanField(help_text="Whether no money is open.")
    reasons = serializers.ListField(child=serializers.CharField(), help_text="What must be settled first.")
    exported_at = serializers.DateTimeField(allow_null=True, help_text="When a copy was last downloaded.")
    export_needed = serializers.BooleanField(help_text="Whether a copy must be downloaded, or declined, first.")


class CertifiedErasure(serializers.Serializer[Any]):
    system = serializers.CharField(allow_blank=True)
    what = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField(allow_null=True)


class CertifiedRest(serializers.Serializer[Any]):
    system = serializers.CharField()
    what = serializers.CharField()
    why = serializers.CharField()
    until = serializers.DateField(allow_null=True)


class Certificate(serializers.Serializer[Any]):
    erasure = serializers.UUIDField()
    customer = serializers.UUIDField()
    requested_at = serializers.DateTimeField()
    requested_by = serializers.CharField()
    copy = serializers.ChoiceField(choices=Erasure.Export.choices)
    completed_at = serializers.DateTimeField()
    erased = CertifiedErasure(many=True)
    kept = CertifiedRest(many=True)


class ErasureState(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=Erasure.Status.choices)
    requested_at = serializers.DateTimeField()
    waits_for = serializers.ListField(child=serializers.CharField(), help_text="The open money for which it waits.")
    done_at = serializers.DateTimeField(allow_null=True)
    certificate = Certificate(allow_null=True, help_text="What was erased, what stays, why and until when.")
    status_url = serializers.SerializerMethodField(help_text="Follow the erasure here, without a login. Keep it.")

    def get_status_url(self, erasure: Erasure) -> str:
        token = erasure_tokens.token_of(erasure_id=erasure.pk)
        return reverse("api-erasure", kwargs={"token": token}, request=self.context["request"])


class MyExportView(CustomerView):
    session_only = True
    http_method_names = ["get", "options"]

    @extend_schema(
        operation_id="my_export",
        summary="Download a copy of all data",
        description="Needs a login younger than 15 minutes. One JSON document: the account, subscriptions with their "
        "changes, orders, payments, cards, and messages. The shop does not store it.",
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "The copy"), **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        require_fresh_login(request)
        return export_response(self.customer)


class MyErasureView(CustomerView):
    session_only = True
    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(
        operation_id="my_erasure",
        summary="Whether the data can be erased now",
        responses={200: ErasureReadiness, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        reasons = parts.open_money(customer_id=self.customer.pk)
        readiness = {
            "possible": not reasons,
            "reasons": reasons,
            "exported_at": self.customer.exported_at,
            "export_needed": not requests.has_fresh_export(customer=self.customer, at=timezone.now()),
        }
        return Response(ErasureReadiness(readiness).data, headers=NO_STORE)

    @extend_schema(
        operation_id="erase_me",
        summary="Erase all personal data",
        description="Needs a login younger than 15 minutes. It cannot be undone: the subscriptions end at once without "
        "a refund, all sessions end, and the address is free for a new account. Workers erase the rest, also at the "
        "shop's providers. `status_url` shows the progress and then the certificate.",
        request=ErasureInput,
        responses={
            202: OpenApiResponse(ErasureState, "It has begun"),
            **ACCOUNT_PROBLEMS,
            **BODY_PROBLEMS,
            **problem_response(409, "Money is open (`reasons`), or no copy was downloaded or declined"),
        },
    )
    def post(self, request: Request) -> Response:
        reject_large_body(request)
        serializer = ErasureInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        require_fresh_login(request)
        try:
            erasure = requests.request_erasure(
                customer_id=self.customer.pk,
                export_declined=serializer.validated_data["export_declined"],
                actor=actors.customer(self.customer.pk),
                at=timezone.now(),
            )
        except requests.MoneyIsOpen as error:
            raise Conflict(MONEY_IS_OPEN, reasons=error.reasons) from None
        except requests.ExportMissing:
            raise Conflict(NO_EXPORT) from None
        end_session(request)
        return Response(ErasureState(erasure, context={"request": request}).data, status=202, headers=NO_STORE)


class ErasureView(PublicView):
    throttle_classes = (LoginAttemptThrottle,)
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="erasure",
        summary="Follow an erasure",
        description="Without a login, by the token of its `status_url`.",
        auth=[],
        parameters=[OpenApiParameter("token", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses={200: ErasureState, **problem_response(404, "No such erasure"), **TOO_MANY_REQUESTS},
    )
    def get(self, request: Request, token: str) -> Response:
        try:
            erasure = queries.erasure(erasure_id=erasure_tokens.read(token))
        except erasure_tokens.BadToken:
            erasure = None
        if erasure is None:
            raise exceptions.NotFound("There is no such erasure.")
        return Response(ErasureState(erasure, context={"request": request}).data, headers=NO_STORE)


def export_response(customer: Customer) -> StreamingHttpResponse:
    """The copy of the customer's data as a file to download."""
    headers = {**NO_STORE, "Content-Disposition": 'attachment; filename="my-data.json"'}
    pieces = exports.export(customer_id=customer.pk, at=timezone.now())
    return StreamingHttpResponse(pieces, content_type="application/json", headers=headers)
