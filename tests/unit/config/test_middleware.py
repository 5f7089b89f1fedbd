from __future__ import annotations

import pytest
from django.http import HttpResponse, HttpResponseNotFound
from django.test import RequestFactory

from config.middleware import SlashMiddleware


@pytest.mark.parametrize(
    ("path", "status"),
    [("/admin", 301), ("/api/schema", 404), ("/api/v1/checkout", 404), ("/nowhere", 404), ("/admin/", 404)],
)
def test_a_path_without_its_last_slash_is_redirected_except_in_the_api(
    rf: RequestFactory, path: str, status: int
) -> None:
    middleware = SlashMiddleware(lambda request: HttpResponseNotFound())
    response: HttpResponse = middleware(rf.get(path))
    assert response.status_code == status
    if status == 301:
        assert response["Location"] == f"{path}/"
