"""``auth/``: log in by the link or the code of a mail, or by password, and log out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.middleware.csrf import get_token
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.web.authentication import BrowserAuthentication
from integrations.web.openapi import BODY_PROBLEMS, TOO_MANY_REQUESTS, problem_response
from integrations.web.problems import Conflict, Unprocessable
from integrations.web.serializers import StrictSerializer
from integrations.web.views import reject_large_body
from subscriptions.api import sessions
from subscriptions.api.auth_serializers import (
    CodeInput,
    LinkInput,
    LoginMailInput,
    PasswordInput,
    PasswordLoginInput,
    SessionOutput,
)
from subscriptions.api.customer_views import NO_STORE, require_fresh_login
from subscriptions.api.throttles import LoginAttemptThrottle
from subscriptions.models import User
from subscriptions.operations import login_requests, logins, passwords
from subscriptions.operations.attempt_limits import TooManyAttempts
from subscriptions.operations.login_requests import AnotherBrowser, UnableToLogIn
from subscriptions.queries import customer_of_login

WRONG_CODE = "This code or link is wrong, has expired, or was used. Ask for a new e-mail."
OTHER_BROWSER = "You asked for this e-mail in another browser. Enter the six digits of the e-mail, too."
WRONG_PASSWORD = "The address or the password is wrong."
LOGIN_PROBLEMS = {
    **problem_response(400, "Malformed: broken JSON, or a field is missing or has the wrong type"),
    **problem_response(403, "The CSRF token is missing or wrong"),
    **problem_response(422, "The link, the code or the password is wrong, has expired, or was used"),
    **BODY_PROBLEMS,
}
LOGGED_IN = OpenApiResponse(SessionOutput, "Logged in. The session cookie and the CSRF token are new")


class IsCustomerLogin(BasePermission):
    """A customer's login. Staff use the admin."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.is_authenticated and not request.user.has_authority)


class BrowserView(APIView):
    """A view for browsers, logged in or not. Every change needs a CSRF token."""

    authentication_classes = (BrowserAuthentication,)
    permission_classes: tuple[type[BasePermission], ...] = (AllowAny,)
    throttle_classes = (LoginAttemptThrottle,)
    http_method_names = ["post", "options"]


class SessionView(BrowserView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="session",
        summary="Who is logged in",
        description="Sets the CSRF cookie, which every call below needs.",
        auth=[],
        responses={200: SessionOutput, **TOO_MANY_REQUESTS},
    )
    def get(self, request: Request) -> Response:
        return Response(_session(request), headers=NO_STORE)


class LoginMailView(BrowserView):
    @extend_schema(
        operation_id="request_login_mail",
        summary="Ask for a login mail",
        description="If the address has an account, a mail with a link and a 6-digit code goes out. The answer is the "
        "same for every address. The cookie `login_browser` lets this browser use the link without the code.",
        auth=[],
        request=LoginMailInput,
        responses={202: OpenApiResponse(None, "If there is such an account, a mail is on its way"), **LOGIN_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        data = _validated(LoginMailInput, request)
        browser = sessions.new_or_known_browser(request)
        try:
            login_requests.request_login(
                email=data["email"], network=sessions.network_of(request), browser=browser, at=timezone.now()
            )
        except TooManyAttempts as error:
            raise exceptions.Throttled(error.wait) from None
        response = Response(status=202, headers=NO_STORE)
        sessions.remember_browser(response, browser)
        return response


class LinkView(BrowserView):
    @extend_schema(
        operation_id="log_in_by_link",
        summary="Log in by the link of a mail",
        description="In the browser that asked for the mail, the token is enough. In another browser, the answer is "
        "409 until the code of the same mail comes with it; the link stays valid.",
        auth=[],
        request=LinkInput,
        responses={200: LOGGED_IN, **problem_response(409, "Another browser: the code is needed"), **LOGIN_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        data = _validated(LinkInput, request)
        return _log_in(
            request,
            "token",
            lambda: login_requests.log_in_by_link(
                token=data["token"],
                code=data.get("code", ""),
                browser=sessions.browser_of(request),
                network=sessions.network_of(request),
                at=timezone.now(),
            ),
        )


class CodeView(BrowserView):
    @extend_schema(
        operation_id="log_in_by_code",
        summary="Log in by the code of a mail",
        description="In the browser that asked for the mail. Five wrong codes end the mail's code and link.",
        auth=[],
        request=CodeInput,
        responses={200: LOGGED_IN, **LOGIN_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        data = _validated(CodeInput, request)
        return _log_in(
            request,
            "code",
            lambda: login_requests.log_in_by_code(
                code=data["code"],
                browser=sessions.browser_of(request),
                network=sessions.network_of(request),
                at=timezone.now(),
            ),
        )


class PasswordLoginView(BrowserView):
    @extend_schema(
        operation_id="log_in_by_password",
        summary="Log in by password",
        description="For accounts that have set one.",
        auth=[],
        request=PasswordLoginInput,
        responses={200: LOGGED_IN, **LOGIN_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        data = _validated(PasswordLoginInput, request)
        return _log_in(
            request,
            "password",
            lambda: passwords.log_in_by_password(
                email=data["email"],
                password=data["password"],
                network=sessions.network_of(request),
                at=timezone.now(),
            ),
        )


class PasswordView(BrowserView):
    permission_classes = (IsCustomerLogin,)
    http_method_names = ["put", "options"]

    @extend_schema(
        operation_id="set_password",
        summary="Set or replace the password",
        description="Needs a login younger than 15 minutes. Ends all other sessions, and sends a mail about it.",
        request=PasswordInput,
        responses={200: LOGGED_IN, **LOGIN_PROBLEMS},
    )
    def put(self, request: Request) -> Response:
        data = _validated(PasswordInput, request)
        require_fresh_login(request)
        try:
            user = passwords.set_password(user_id=_login_id(request), password=data["password"], at=timezone.now())
        except ValidationError as error:
            raise Unprocessable({"password": " ".join(error.messages)}) from None
        sessions.start_session(request._request, user)
        return Response(_session(request), headers=NO_STORE)


class LogoutView(BrowserView):
    @extend_schema(
        operation_id="log_out",
        summary="Log out",
        auth=[],
        request=None,
        responses={
            204: OpenApiResponse(None, "Nobody is logged in in this browser any more"),
            **problem_response(403, "The CSRF token is missing or wrong"),
            **TOO_MANY_REQUESTS,
        },
    )
    def post(self, request: Request) -> Response:
        sessions.end_session(request._request)
        return Response(status=204, headers=NO_STORE)


class LogoutEverywhereView(BrowserView):
    permission_classes = (IsCustomerLogin,)

    @extend_schema(
        operation_id="log_out_everywhere",
        summary="Log out in every browser",
        description="Ends every session of the account, and every login link and code that was sent.",
        request=None,
        responses={
            204: OpenApiResponse(None, "No session is left"),
            **problem_response(403, "No customer is logged in, or the CSRF token is missing or wrong"),
            **TOO_MANY_REQUESTS,
        },
    )
    def post(self, request: Request) -> Response:
        logins.log_out_everywhere(user_id=_login_id(request), at=timezone.now())
        sessions.end_session(request._request)
        return Response(status=204, headers=NO_STORE)


def _validated(serializer_class: type[StrictSerializer], request: Request) -> dict[str, Any]:
    reject_large_body(request)
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _log_in(request: Request, field: str, log_in: Callable[[], User]) -> Response:
    try:
        user = log_in()
    except TooManyAttempts as error:
        raise exceptions.Throttled(error.wait) from None
    except AnotherBrowser:
        raise Conflict(OTHER_BROWSER) from None
    except UnableToLogIn:
        raise Unprocessable({field: WRONG_PASSWORD if field == "password" else WRONG_CODE}) from None
    sessions.start_session(request._request, user)
    response = Response(_session(request), headers=NO_STORE)
    sessions.forget_browser(response)
    return response


def _login_id(request: Request) -> UUID:
    """The id of the login. The permission has made sure that there is one."""
    assert request.user.pk is not None
    return request.user.pk


def _session(request: Request) -> dict[str, Any]:
    user = request._request.user
    customer = customer_of_login(user_id=user.pk) if user.is_authenticated else None
    return {"customer": customer and str(customer.pk), "csrf_token": get_token(request._request)}
