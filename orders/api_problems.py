"""One shape for every error of the API: ``application/problem+json`` (RFC 9457), the fields named.

400: not understood (broken JSON, a field missing or of the wrong type). 422: understood, and not possible (an unknown
plan, an address that cannot be one). Nothing was changed in either case.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import JsonResponse
from rest_framework import exceptions, status
from rest_framework.parsers import JSONParser
from rest_framework.response import Response
from rest_framework.views import exception_handler

from integrations.errors import database_is_away

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
LARGEST_BODY = 64 * 1024
DEEPEST_BODY = 10
TOO_DEEP = "The JSON is nested too deeply."
UNAVAILABLE_RETRY_SECONDS = 5

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

# Codes of a field that is missing or of the wrong type; any other refusal of a field is about what it says.
MALFORMED = frozenset({"required", "null", "blank", "empty", "invalid_type", "not_a_dict", "not_a_list", "unexpected"})


class BodyTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"The body may have {LARGEST_BODY} bytes."


class Unprocessable(exceptions.APIException):
    """Understood, and not possible. ``fields`` says what is wrong with which field."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The request is understood, and not possible."

    def __init__(self, fields: Mapping[str, str], detail: str | None = None) -> None:
        super().__init__(detail)
        self.fields = fields


class InFlight(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "A request with this Idempotency-Key is being worked on; ask again."
    wait = 1


class Unavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The shop cannot take this right now. Ask again, with the same Idempotency-Key."
    wait = UNAVAILABLE_RETRY_SECONDS


class StrictJSONParser(JSONParser):
    """JSON as the RFC has it, in a body of bounded size; whatever is wrong with it is the caller's 400."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge
        try:
            data = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        except RecursionError:
            raise exceptions.ParseError(TOO_DEEP) from None
        except ValueError as error:
            raise exceptions.ParseError(f"The body is not JSON: {_without_content(error)}") from None
        if _deeper_than(data, DEEPEST_BODY):
            raise exceptions.ParseError(TOO_DEEP)
        return data


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error of a view in the one shape."""
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    if database_is_away(error):
        log.warning("the database did not answer: %s", type(error).__name__)
        error = Unavailable()
    response = exception_handler(error, context)
    if response is None:
        return None
    fields = list(_fields(error))
    code = _status(error, response.status_code)
    response.status_code = code
    response.data = _problem(code, _detail(error, fields), fields)
    response.content_type = CONTENT_TYPE
    response["Cache-Control"] = "no-store"
    return response


def problem(code: int, detail: str) -> JsonResponse:
    """The same shape for what Django answers outside any view of the API."""
    return JsonResponse(_problem(code, detail, []), status=code, content_type=CONTENT_TYPE)


def _problem(code: int, detail: str, fields: list[dict[str, str]]) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "about:blank", "title": TITLES.get(code, "Error"), "status": code, "detail": detail}
    if fields:
        body["errors"] = fields
    return body


def _status(error: Exception, code: int) -> int:
    if not isinstance(error, exceptions.ValidationError):
        return code
    return 400 if any(one in MALFORMED for one in _codes(error.get_codes())) else 422


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


def _deeper_than(data: Any, levels: int) -> bool:
    layer = [data]
    for _ in range(levels):
        layer = [inner for one in layer for inner in _children(one)]
        if not layer:
            return False
    return True


def _children(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return list(data.values())
    return data if isinstance(data, list) else []


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _without_content(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}."
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8."
    return f"{error}."
