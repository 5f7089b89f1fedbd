"""The guard against large bodies, and views without a login."""

from __future__ import annotations

import pytest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from integrations.web.parsers import MAX_BODY_BYTES, BodyTooLarge
from integrations.web.views import PublicView, reject_large_body


class WhoAmIView(PublicView):
    def get(self, request: Request) -> Response:
        return Response(str(request.user))


def request_of_length(length: str) -> Request:
    return Request(APIRequestFactory().post("/", CONTENT_LENGTH=length))


@pytest.mark.parametrize("length", ["", "0", str(MAX_BODY_BYTES), "many"])
def test_a_body_within_the_limit_passes(length: str) -> None:
    reject_large_body(request_of_length(length))


def test_a_larger_body_is_rejected_before_it_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        reject_large_body(request_of_length(str(MAX_BODY_BYTES + 1)))


def test_a_public_view_reads_no_session() -> None:
    request = APIRequestFactory().get("/")  # it has no session, so reading one would fail
    assert WhoAmIView.as_view()(request).data == "AnonymousUser"
