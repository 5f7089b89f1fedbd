"""The base of all views below ``me/``: a customer with a session, or an API key that acts for a customer."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.web.openapi import TOO_MANY_REQUESTS, problem_response
from subscriptions import queries
from subscriptions.api.authentication import ApiKeyAuthentication, api_key_of
from subscriptions.api.throttles import AccountThrottle, ApiKeyThrottle
from subscriptions.models import ApiKey, Customer

ACTS_FOR = "Shop-Customer"
LOGGED_IN_AT = "logged_in_at"
FRESH = dt.timedelta(minutes=15)
NO_STORE = {"Cache-Control": "no-store"}

ACTS_FOR_PARAMETER = OpenApiParameter(
    ACTS_FOR,
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    description="With an API key: the id of the customer for whom the shop's back end acts. Without: not needed.",
)
ACCOUNT_PROBLEMS = {
    **problem_response(400, f"Malformed, or an API key without the header `{ACTS_FOR}`"),
    **problem_response(401, "Neither a session nor a valid API key"),
    **problem_response(403, "No customer's login, a missing scope of the key, or no CSRF token"),
    **problem_response(404, "No such customer, or a row of another customer"),
    **TOO_MANY_REQUESTS,
}


class ActsForCustomer(BasePermission):
    """A customer's login, or an API key with the scope for this method. Staff use the admin."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = api_key_of(request)
        if key is not None:
            needed = ApiKey.Scope.CUSTOMERS_READ if request.method in SAFE_METHODS else ApiKey.Scope.CUSTOMERS_WRITE
            return needed in key.scopes
        return bool(request.user.is_authenticated and not request.user.has_authority)


class CustomerView(APIView):
    """A view about ``self.customer``: the owner of the session, or the customer whom the header names.

    ``session_only``: an API key may not use it, because it needs the customer's own recent login.
    """

    authentication_classes = (ApiKeyAuthentication, SessionAuthentication)
    permission_classes = (ActsForCustomer,)
    throttle_classes = (AccountThrottle, ApiKeyThrottle)
    session_only: ClassVar[bool] = False
    customer: Customer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method != "OPTIONS":
            self.customer = _customer_of(request, session_only=self.session_only)

    def handle_exception(self, exc: Exception) -> Response:
        """An operation finds no customer if the data was erased after the request began."""
        if isinstance(exc, queries.CustomerNotFound):
            exc = exceptions.NotFound("There is no such customer.")
        return super().handle_exception(exc)


def require_fresh_login(request: Request) -> None:
    """Raise ``PermissionDenied`` (403) unless the customer logged in with this session within ``FRESH``."""
    logged_in_at = request.session.get(LOGGED_IN_AT, 0)
    if timezone.now().timestamp() - logged_in_at >= FRESH.total_seconds():
        raise exceptions.PermissionDenied("Log in again: this needs a login that is younger than 15 minutes.")


def _customer_of(request: Request, *, session_only: bool) -> Customer:
    if api_key_of(request) is None:
        return _customer_of_session(request)
    if session_only:
        raise exceptions.PermissionDenied("This needs the customer's own login.")
    named = request.headers.get(ACTS_FOR, "")
    if not named:
        raise exceptions.ValidationError(
            {ACTS_FOR: [exceptions.ErrorDetail("This header is required with an API key.", code="required")]}
        )
    try:
        customer = queries.customer_not_erased(customer_id=UUID(named))
    except (ValueError, queries.CustomerNotFound):
        customer = None
    if customer is None:
        raise exceptions.NotFound("There is no such customer.")
    return customer


def _customer_of_session(request: Request) -> Customer:
    customer = queries.customer_of_login(user_id=request.user.pk)
    if customer is None:
        raise exceptions.PermissionDenied("This login belongs to no customer.")
    named = request.headers.get(ACTS_FOR)
    if named and named.lower() != str(customer.pk):
        raise exceptions.NotFound("There is no such customer.")
    return customer
