"""Strict JSON: bodies of bounded size and depth, without duplicate keys, NaN or Infinity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rest_framework import exceptions, status
from rest_framework.parsers import JSONParser

MAX_BODY_BYTES = 64 * 1024
MAX_BODY_DEPTH = 10
TOO_DEEP = "The JSON is nested too deeply."


class BodyTooLarge(exceptions.APIException):
    """The body exceeds ``MAX_BODY_BYTES``."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"The body may have at most {MAX_BODY_BYTES} bytes."


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 defines it. Raises ``ParseError`` (400) for invalid JSON, ``BodyTooLarge`` (413)."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        try:
            data = json.loads(body.decode("utf-8"), parse_constant=_reject_constant, object_pairs_hook=_unique_keys)
        except RecursionError:
            raise exceptions.ParseError(TOO_DEEP) from None
        except ValueError as error:
            raise exceptions.ParseError(f"The body is not JSON: {_without_content(error)}") from None
        if _is_deeper_than(data, MAX_BODY_DEPTH):
            raise exceptions.ParseError(TOO_DEEP)
        return data


def _is_deeper_than(data: Any, levels: int) -> bool:
    layer = [data]
    for _ in range(levels):
        layer = [child for value in layer for child in _children(value)]
        if not layer:
            return False
    return True


def _children(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return list(data.values())
    return data if isinstance(data, list) else []


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("an object has the same key twice")
    return unique


def _without_content(error: ValueError) -> str:
    """The reason without any part of the body, which may hold personal data."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}."
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8."
    return f"{error}."
