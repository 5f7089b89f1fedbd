"""Structured logs: one JSON object a line, with the ids that tie a request to its tasks, and nothing personal.

The thread through everything: ``request_id`` (made by the middleware, carried in message headers), ``task_id`` (the
outbox row's id), ``event``, ``order_number``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse
from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter
from uuid6 import uuid7

REQUEST_ID_HEADER = "X-Request-ID"
SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))

# What a log line may not hold, and what stands there instead.
REDACTIONS = (
    (re.compile(r"\b(sk|rk|pk|whsec|xkeysib)_?(live|test)?[_-][A-Za-z0-9_-]{6,}"), "[secret]"),
    (re.compile(r"\b(pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"), "[secret]"),
    (
        re.compile(
            r"(?i)\b(authorization|api-key|x-api-key|password|token)(['\"]?\s*[:=]\s*['\"]?)(bearer\s+)?[^\s'\",}]+"
        ),
        r"\1\2[secret]",
    ),
    (re.compile(r"(?i)postgres(ql)?://[^\s@/]+@"), "postgresql://[secret]@"),
    (re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "[email]"),
    (re.compile(r"(?<![\w-])\+\d[\d ()-]{6,16}\d\b"), "[phone]"),
    (re.compile(r"/(orders/status|pay)/[^\s/\"']+"), r"/\1/[token]"),
)


def redacted(text: str) -> str:
    """The text without secrets, e-mail addresses, phone numbers and order tokens."""
    for pattern, replacement in REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


def bind(**values: str) -> None:
    """Add values to every log line of this request or task."""
    _context.set({**_context.get(), **values})


def bind_task(*, task_id: str, task_name: str, headers: Mapping[str, Any], kwargs: Mapping[str, Any]) -> None:
    """Start a task's log context: its own id and name, and the request and event that it comes from."""
    ids = {key: str(value) for key, value in kwargs.items() if key.endswith(("_id", "_number")) and value}
    carried = {key: str(headers[key]) for key in ("request_id", "event") if headers.get(key)}
    _context.set({"task_id": task_id, "task": task_name, **carried, **ids})


def clear() -> None:
    """Forget the context; the next request or task starts empty."""
    _context.set({})


def request_id() -> str:
    """The id of the request that we work for, or an empty string."""
    return _context.get().get("request_id", "")


class ContextFilter(logging.Filter):
    """Puts the context's ids on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        for key, value in _context.get().items():
            if not hasattr(record, key):
                setattr(record, key, value)
        # Celery says everything twice: in the sentence, and in a dictionary beside it.
        record.__dict__.pop("data", None)
        return True


class JsonFormatter(BaseJsonFormatter):
    """One JSON object a line, redacted as a whole so that tracebacks are clean too."""

    def __init__(self) -> None:
        super().__init__(
            "%(message)s %(levelname)s %(name)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="at",
        )

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class RequestIdMiddleware:
    """Gives each request an id (the caller's own, when it is a harmless one) and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = sent if SAFE_REQUEST_ID.fullmatch(sent) else str(uuid7())
        clear()
        bind(request_id=request_id)
        try:
            response = self.get_response(request)
        finally:
            clear()
        response.headers[REQUEST_ID_HEADER] = request_id
        return response
