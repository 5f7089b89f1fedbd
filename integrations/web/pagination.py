"""Pages of a list that may be long: a cursor costs the same on every page."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import CursorPagination

CURSOR_PARAMETER = OpenApiParameter(
    "cursor", OpenApiTypes.STR, description="The page. Take the URLs `next` and `previous` of another page."
)


class NewestFirst(CursorPagination):
    """50 rows a page. Our ids (UUIDv7) are in the order of time."""

    ordering = "-id"
    page_size = 50
