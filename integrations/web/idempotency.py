"""The ``Idempotency-Key`` header."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(request: Request, *, purpose: str) -> str:
    """The request's ``Idempotency-Key``. Raises ``ValidationError`` (400) if it is missing or malformed.

    ``purpose`` tells the client how often to use a new key: "purchase" reads as "new for each purchase".
    """
    key = request.headers.get(HEADER, "")
    if not KEY.fullmatch(key):
        code = "required" if not key else "invalid_type"
        message = f"This header is required: 1 to 255 visible ASCII characters, new for each {purpose}."
        raise exceptions.ValidationError({HEADER: [exceptions.ErrorDetail(message, code=code)]})
    return key


def key_parameter(*, purpose: str, replay: str) -> OpenApiParameter:
    """The header as the OpenAPI schema describes it. ``replay`` says what the same key returns the second time."""
    return OpenApiParameter(
        HEADER,
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        required=True,
        pattern=r"^[!-~]{1,255}$",
        description=f"1 to 255 visible ASCII characters, new for each {purpose}; {replay}",
    )


def body_hash(body: Any) -> str:
    """A hash that is equal for equal JSON values. Whitespace and the order of keys do not matter."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
