"""CSRF is checked for every browser, logged in or not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from rest_framework import exceptions
from rest_framework.request import Request

from integrations.web.authentication import BrowserAuthentication

TOKEN = "a" * 32


def request(method: str, user: Any, *, token: str = "", cookie: str = TOKEN) -> Request:
    made = RequestFactory().generic(method, "/", headers={"X-CSRFToken": token} if token else {})
    made.COOKIES["csrftoken"] = cookie
    made.user = user
    return Request(made)


SOMEBODY = SimpleNamespace(is_active=True)


@pytest.mark.parametrize("user", [AnonymousUser(), SOMEBODY])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_change_needs_the_token(method: str, user: Any) -> None:
    with pytest.raises(exceptions.PermissionDenied):
        BrowserAuthentication().authenticate(request(method, user))
    with pytest.raises(exceptions.PermissionDenied):
        BrowserAuthentication().authenticate(request(method, user, token="b" * 32))
    BrowserAuthentication().authenticate(request(method, user, token=TOKEN))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_read_does_not(method: str) -> None:
    assert BrowserAuthentication().authenticate(request(method, SOMEBODY)) == (SOMEBODY, None)
    assert BrowserAuthentication().authenticate(request(method, AnonymousUser())) is None


def test_an_inactive_login_is_anonymous() -> None:
    assert BrowserAuthentication().authenticate(request("GET", SimpleNamespace(is_active=False))) is None
