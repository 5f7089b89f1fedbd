"""Brevo's errors: a code and a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

CODES = {400: "invalid_parameter", 401: "unauthorized", 402: "not_enough_credits", 403: "permission_denied",
         404: "document_not_found", 405: "method_not_allowed", 429: "too_many_requests"}  # fmt: skip


class BrevoError(Exception):
    def __init__(self, message: str, *, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code or error_code(status)


def error_code(status: int) -> str:
    return CODES.get(status, "internal_server_error")


def missing(name: str) -> BrevoError:
    return BrevoError(f"{name} is missing", code="missing_parameter")


def invalid(message: str) -> BrevoError:
    return BrevoError(message, code="invalid_parameter")


def duplicate(message: str) -> BrevoError:
    return BrevoError(message, code="duplicate_parameter")


def check_shape(
    document: Mapping[str, Any], shape: Mapping[str, type | tuple[type, ...]], *, of_objects: Iterable[str] = ()
) -> None:
    """Reject unknown fields, wrong types, and lists that contain anything but objects. Null counts as absent."""
    for name, value in document.items():
        if name not in shape:
            raise invalid(f"{name} is not a valid parameter")
        if value is None:
            continue
        if not isinstance(value, shape[name]) or (isinstance(value, bool) and shape[name] is not bool):
            raise invalid(f"{name} has a wrong type")
        if name in of_objects and isinstance(value, list) and not all(isinstance(x, dict) for x in value):
            raise invalid(f"{name} should be an array of objects")
