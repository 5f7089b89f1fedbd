"""Code that the views of every API share."""

from __future__ import annotations

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.web.parsers import MAX_BODY_BYTES, BodyTooLarge


class PublicView(APIView):
    """A view that needs no login. It ignores session cookies, which browsers send along without being asked."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


def reject_large_body(request: Request) -> None:
    """Raise ``BodyTooLarge`` if ``Content-Length`` exceeds the limit, before the body is read."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise BodyTooLarge
