"""Authentication of the caller: a customer with a session, or the shop's back end with an API key."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from subscriptions.models import ApiKey
from subscriptions.operations import api_keys


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer shopkey_…``. The key is ``request.auth``; ``request.user`` is anonymous.

    Other credentials in this header are not for the shop and are ignored.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        scheme, _, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not api_keys.is_api_key(key.strip()):
            return None
        try:
            return AnonymousUser(), api_keys.api_key(key=key.strip(), at=timezone.now())
        except api_keys.BadApiKey as error:
            raise exceptions.AuthenticationFailed(str(error)) from None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The API key as the OpenAPI schema describes it."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key that staff made in the admin."}


def api_key_of(request: Request) -> ApiKey | None:
    """The API key of the request, or None if it has none."""
    return request.auth if isinstance(request.auth, ApiKey) else None
