"""The error format of every API: ``application/problem+json`` (RFC 9457), with the invalid fields named.

400: the request is malformed (broken JSON, a field is missing or has the wrong type). 422: the request is well formed
but cannot be carried out (an unknown plan, an invalid e-mail address). In both cases nothing has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from integrations.errors import database_is_away
from integrations.web.parsers import BodyTooLarge

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

TITLES = {
    400: "Malformed request",
    401: "Authentication required",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Not now",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Not possible",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}

# Error codes of a field that is missing or has the wrong type. All other codes mean that the value is invalid.
MALFORMED = frozenset({"required", "null", "blank", "empty", "invalid_type", "not_a_dict", "not_a_list", "unexpected"})


class Unprocessable(exceptions.APIException):
    """The request is well formed but cannot be carried out. ``fields`` maps each invalid field to its message."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The request cannot be carried out."

    def __init__(self, fields: Mapping[str, str], detail: str | None = None) -> None:
        super().__init__(detail)
        self.fields = fields


class Conflict(exceptions.APIException):
    """The resource is not in a state in which this request can be carried out.

    ``reasons``: what the client must settle first, as sentences for the customer.
    """

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The request conflicts with the current state."

    def __init__(self, detail: str | None = None, *, reasons: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.reasons = list(reasons)


class RequestInFlight(Conflict):
    """Another request with the same ``Idempotency-Key`` is being processed."""

    default_detail = "A request with this Idempotency-Key is being processed; retry shortly."
    wait = 1


class Unavailable(exceptions.APIException):
    """The shop cannot process the request now. ``wait``: seconds after which the client should retry."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The shop cannot process this right now. Retry with the same Idempotency-Key."

    def __init__(self, detail: str | None = None, *, wait: float = RETRY_AFTER_SECONDS) -> None:
        super().__init__(detail)
        self.wait = wait


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: turn any error of a view into problem+json."""
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    if database_is_away(error):
        logger.warning("The database did not respond: %s", type(error).__name__)
        error = Unavailable()
    response = exception_handler(error, context)
    if response is None:
        return None
    fields = list(_fields(error))
    code = _status(error, response.status_code)
    response.status_code = code
    response.data = _problem(code, _detail(error, fields), fields)
    if isinstance(error, Conflict) and error.reasons:
        response.data["reasons"] = error.reasons
    response.content_type = CONTENT_TYPE
    response["Cache-Control"] = "no-store"
    return response


def problem(code: int, detail: str) -> JsonResponse:
    """A problem+json response for errors outside the API's views."""
    return JsonResponse(_problem(code, detail, []), status=code, content_type=CONTENT_TYPE)


def _problem(code: int, detail: str, fields: list[dict[str, str]]) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "about:blank", "title": TITLES.get(code, "Error"), "status": code, "detail": detail}
    if fields:
        body["errors"] = fields
    return body


def _status(error: Exception, code: int) -> int:
    if not isinstance(error, exceptions.ValidationError):
        return code
    return 400 if any(field_code in MALFORMED for field_code in _codes(error.get_codes())) else 422


def _detail(error: Exception, fields: list[dict[str, str]]) -> str:
    if fields:
        return f"{fields[0]['field']}: {fields[0]['message']}"
    detail = getattr(error, "detail", None)
    return str(detail) if detail is not None else str(error) or "The request failed."


def _fields(error: Exception) -> Iterator[dict[str, str]]:
    if isinstance(error, Unprocessable):
        for field, message in error.fields.items():
            yield {"field": field, "message": message}
    if isinstance(error, exceptions.ValidationError):
        yield from _flatten(error.detail, "")


def _flatten(detail: Any, path: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield {"field": path or "body", "message": str(detail)}


def _codes(codes: Any) -> Iterator[str]:
    if isinstance(codes, dict):
        for inner in codes.values():
            yield from _codes(inner)
    elif isinstance(codes, list):
        for inner in codes:
            yield from _codes(inner)
    else:
        yield str(codes)
