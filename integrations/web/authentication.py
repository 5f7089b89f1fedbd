"""Sessions of browsers. Whatever a session does or begins needs a CSRF token."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class BrowserAuthentication(SessionAuthentication):
    """Django's session, with the CSRF check also for a browser that is not logged in.

    DRF's own class checks only sessions that are logged in. Then another site could log a browser in to an account of
    its choice.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        self.enforce_csrf(request)
        user = getattr(request._request, "user", None)
        return (user, None) if user is not None and user.is_active else None


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The session as the OpenAPI schema describes it."""

    target_class = BrowserAuthentication
    name = "browserSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
