"""Begin and end a browser's session, and recognize the browser that asked for a login mail."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from subscriptions.api.customer_views import LOGGED_IN_AT
from subscriptions.api.throttles import LoginAttemptThrottle
from subscriptions.models import User
from subscriptions.operations.login_requests import LIFETIME

COOKIE = "login_browser"
BACKEND = "subscriptions.backends.CustomerBackend"
SECRET_LENGTH = 43
MAX_SECRET_LENGTH = 64


def browser_of(request: HttpRequest) -> str:
    """The secret of the browser that asked for a login mail; empty if it did not ask."""
    return request.COOKIES.get(COOKIE, "")[:MAX_SECRET_LENGTH]


def new_or_known_browser(request: HttpRequest) -> str:
    """The browser's secret. A browser that asks twice keeps it, so that both mails work."""
    known = browser_of(request)
    return known if len(known) == SECRET_LENGTH else secrets.token_urlsafe(32)


def remember_browser(response: HttpResponseBase, browser: str) -> None:
    """Give the browser the cookie by which it is recognized while the mail can be used."""
    response.set_cookie(
        COOKIE,
        browser,
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def forget_browser(response: HttpResponseBase) -> None:
    """Delete the cookie, because the browser has logged in."""
    response.delete_cookie(COOKIE, samesite="Lax")


def network_of(request: Any) -> str:
    """The client's IPv4 address or IPv6 network, by which attempts are counted."""
    return LoginAttemptThrottle().get_ident(request)


def start_session(request: HttpRequest, user: User) -> None:
    """Log the browser in. Its session gets a new key, and its CSRF token changes."""
    auth.login(request, user, backend=BACKEND)
    request.session[LOGGED_IN_AT] = timezone.now().timestamp()


def end_session(request: HttpRequest) -> None:
    """Log the browser out, and delete its session."""
    auth.logout(request)
