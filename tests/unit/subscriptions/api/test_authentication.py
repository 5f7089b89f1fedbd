"""Which ``Authorization`` headers are API keys of the shop."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from subscriptions.api.authentication import ApiKeyAuthentication, api_key_of
from tests.support.accounts import BackEnd


def request(authorization: str | None = None) -> Request:
    headers = {"HTTP_AUTHORIZATION": authorization} if authorization is not None else {}
    return Request(APIRequestFactory().get("/", **headers), authenticators=[ApiKeyAuthentication()])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_is_the_requests_auth_and_nobody_is_logged_in(db: None, scheme: str) -> None:
    back_end = BackEnd()
    made = request(f"{scheme} {back_end.key}")
    assert made.auth == api_key_of(made) == back_end.row
    assert isinstance(made.user, AnonymousUser)


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic c2hvcA==", "Bearer other_key", "shopkey_a_b"])
def test_other_credentials_are_ignored(db: None, value: str | None) -> None:
    assert api_key_of(request(value)) is None


@pytest.mark.parametrize("value", ["Bearer shopkey_", "Bearer shopkey_0a_00", "Bearer shopkey_\xff_\xff"])
def test_a_key_that_is_not_valid_is_refused(db: None, value: str) -> None:
    with pytest.raises(exceptions.AuthenticationFailed):
        _ = request(value).user
