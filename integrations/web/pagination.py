"""Pages of a list that may be long: a cursor costs the same on every page."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

CURSOR_PARAMETER = OpenApiParameter(
    "cursor", OpenApiTypes.STR, description="The page. Take the URLs `next` and `previous` of another page."
)


class NewestFirst(CursorPagination):
    """50 rows a page. Our ids (UUIDv7) are in the order of time."""

    ordering = "-id"
    page_size = 50

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        """The rows of the page. Raises ``NotFound`` (404) if the cursor is invalid."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError):  # DRF does not check that the position in the cursor is an id
            raise exceptions.NotFound(self.invalid_cursor_message) from None
