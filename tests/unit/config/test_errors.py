"""Errors outside views: JSON for programs, a page for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.test import RequestFactory

from config import errors

HANDLERS: list[tuple[int, Callable[[Any], Any]]] = [
    (400, lambda request: errors.bad_request(request, SuspiciousOperation("secret detail"))),
    (403, lambda request: errors.permission_denied(request, PermissionDenied("secret detail"))),
    (404, lambda request: errors.not_found(request, Http404("secret detail"))),
    (500, lambda request: errors.server_error(request)),
]


@pytest.mark.parametrize(("status", "handler"), HANDLERS)
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/v1/checkout/", "application/problem+json"),
        ("/nowhere/", "application/problem+json"),
        ("/admin/orders/", "text/html"),
        ("/pay/token/", "text/html"),
    ],
)
def test_each_error_has_its_status_and_tells_no_detail(
    rf: RequestFactory, path: str, content_type: str, status: int, handler: Callable[[Any], Any]
) -> None:
    response = handler(rf.get(path))
    assert response.status_code == status
    assert response["Content-Type"].startswith(content_type)
    assert b"secret detail" not in response.content
