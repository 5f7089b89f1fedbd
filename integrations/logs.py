"""Structured logs: one JSON object per line, without personal data.

Ids connect a request with its tasks: ``request_id`` (set by the middleware and sent in message headers), ``task_id``
(the outbox row's id), ``event`` and ``order_number``.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse
from pythonjsonlogger.json import JsonEncoder
from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter
from uuid6 import uuid7

REQUEST_ID_HEADER = "X-Request-ID"
SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

logger = logging.getLogger(__name__)

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))

# The patterns that are redacted. They need no word boundary before a secret: in JSON, a line feed before ``sk_live_…``
# is the two letters ``\n``. To keep the time linear, repetitions are possessive (``++``) or stop where the next starts.
_PASSWORDS = r"password|passwd|passphrase|secret|token|(?:api|secret|access|private|session)[-_]?key|sessionid"
_HEADERS = r"authorization|cookie|[-_]signature"
_SECRET_NAME = re.compile(rf"(?i)(?:{_PASSWORDS}|{_HEADERS})$")
_QUOTED = r"(?P<quote>\\*[\"'])(?:(?!(?P=quote))(?:\\.|[^\r\n]))*+"


def _named(names: str, unquoted: str) -> re.Pattern[str]:
    """Matches the value of one of the names in ``name: value``, ``name=value``, ``"name": ["value"]``,
    ``('name', 'value')`` and similar, with plain or escaped quotes: the whole quoted text, or else ``unquoted``."""
    assigned = rf"(?:{names})\\*[\"']?\s*[:=]{{1,2}}\s*[\[(]?"
    paired = rf"[\[(]b?\\*[\"'][\w-]*(?:{names})\\*[\"'],\s*"
    return re.compile(rf"(?i)(?P<name>(?:{paired}|{assigned})(?:b(?=\\*[\"']))?)(?:{_QUOTED}|{unquoted})")


# The local part of an e-mail address. RFC 5321 allows some of the excluded characters, but in logs they mean something
# else: ``=`` and ``&`` belong to a query string, ``/`` to a path.
_NOT_LOCAL = r"\s@\"<>()\[\]{},;:=\\/&?|"
_LOCAL = rf"(?:(?<![^{_NOT_LOCAL}])|(?<=%40))(?:[^%{_NOT_LOCAL}]++|%(?!40))++"
_LABEL = r"(?:[A-Za-z0-9_%-]|[^\x00-\x7f。．｡]|\\u[0-9a-fA-F]{4})++"

REDACTIONS = (
    # To the end of the line: it may hold a scheme, credentials, several cookies.
    (_named(_HEADERS, r"[^\r\n\"']++"), r"\g<name>\g<quote>[secret]"),
    # In "bad token: password: …" the second word is not the value of the first, but a name with its own value.
    (_named(_PASSWORDS, rf"(?![\w-]*?(?:{_PASSWORDS})\s*[:=])[^\s\"'&;]++"), r"\g<name>\g<quote>[secret]"),
    (re.compile(r"([Bb]earer\s+)[A-Za-z0-9._~+/=-]{8,}"), r"\1[secret]"),
    (
        re.compile(r"(?:(?<![A-Za-z0-9])(?:sk|rk|pk)_|(?:sk|rk|pk)_(?:live|test)_|whsec_|xkeysib-)[A-Za-z0-9_-]{6,}"),
        "[secret]",
    ),
    # The secret part of an API key of the shop.
    (re.compile(r"(shopkey_[0-9a-f]+_)[0-9a-f]+"), r"\1[secret]"),
    (re.compile(r"((?:pi|seti)_[A-Za-z0-9]+_secret_)[A-Za-z0-9]+"), r"\1[secret]"),
    (re.compile(r"://[^\s/]+@"), "://[secret]@"),
    (re.compile(rf"{_LOCAL}(?:@|%40){_LABEL}(?:[.。．｡]{_LABEL})+"), "[email]"),
    # No country code starts with 0, so time zones such as +0200 stay.
    (re.compile(r"(?:\+|%2B)[1-9](?:[ \u00a0().\/-]{0,3}\d){6,14}"), "[phone]"),
)

_token_paths: dict[str, re.Pattern[str]] = {}
_unlogged_paths: set[str] = set()


def register_token_path(prefix: str) -> None:
    """Redact the token that follows ``prefix``, such as ``/pay/``, in all logs. Call it in ``AppConfig.ready``."""
    _token_paths[prefix] = re.compile(rf"(?<={re.escape(prefix)})[^\s/\"']+")


def register_unlogged_path(prefix: str) -> None:
    """Write no line for requests whose path starts with ``prefix``. Call it in ``AppConfig.ready``."""
    _unlogged_paths.add(prefix)


def redacted(text: str) -> str:
    """The text without secrets, e-mail addresses, phone numbers and the tokens of registered paths."""
    for pattern, replacement in REDACTIONS:
        text = pattern.sub(replacement, text)
    for pattern in _token_paths.values():
        text = pattern.sub("[token]", text)
    return text


def redacted_data(value: Any) -> Any:
    """The value as JSON data, with every string redacted, and every value whose name is a secret's."""
    if isinstance(value, str):
        return redacted(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # JSON has neither NaN nor infinity
    if isinstance(value, bytes | bytearray):
        return redacted(value.decode(errors="backslashreplace"))
    if isinstance(value, Mapping):
        pairs = [(str(key), of_key) for key, of_key in value.items()]
        return {
            redacted(key): "[secret]" if _SECRET_NAME.search(key) else redacted_data(of_key) for key, of_key in pairs
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted_data(item) for item in value]
    return redacted_data(JsonEncoder().default(value))


def bind(**values: str) -> None:
    """Add values to every log line of this request or task."""
    _context.set({**_context.get(), **values})


def bind_task(*, task_id: str, task_name: str, headers: Mapping[str, Any], kwargs: Mapping[str, Any]) -> None:
    """Start a task's log context: its id and name, and the request and event that caused it."""
    ids = {key: str(value) for key, value in kwargs.items() if key.endswith(("_id", "_number")) and value}
    carried = {key: str(headers[key]) for key in ("request_id", "event") if headers.get(key)}
    _context.set({"task_id": task_id, "task": task_name, **carried, **ids})


def clear() -> None:
    """Clear the context, so that the next request or task starts with an empty one."""
    _context.set({})


def request_id() -> str:
    """The id of the current request; empty outside requests and their tasks."""
    return _context.get().get("request_id", "")


class ContextFilter(logging.Filter):
    """Adds the context's ids to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        for key, value in _context.get().items():
            if not hasattr(record, key):
                setattr(record, key, value)
        # Celery repeats the message's values in a dictionary.
        record.__dict__.pop("data", None)
        return True


class JsonFormatter(BaseJsonFormatter):
    """One JSON object per line. All strings are redacted before encoding, also tracebacks and extras."""

    def __init__(self) -> None:
        super().__init__(
            "%(message)s %(levelname)s %(name)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="at",
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        cleaned: dict[str, Any] = redacted_data(log_data)
        return cleaned


class RequestIdMiddleware:
    """Gives each request an id (the caller's if it is safe), returns it in a header, and logs one line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = sent if SAFE_REQUEST_ID.fullmatch(sent) else str(uuid7())
        started = time.perf_counter()
        clear()
        bind(request_id=request_id)
        try:
            response = self.get_response(request)
            # Before the context is cleared: the view may have added ids.
            _log_request(request, response, milliseconds=(time.perf_counter() - started) * 1000)
        finally:
            clear()
        response.headers[REQUEST_ID_HEADER] = request_id
        return response


def _log_request(request: HttpRequest, response: HttpResponse, *, milliseconds: float) -> None:
    """Write one line. It holds the route, such as ``pay/<str:token>/``, because the path may hold a token."""
    if request.path_info.startswith(tuple(_unlogged_paths)):
        return
    route = request.resolver_match.route if request.resolver_match else "(no route)"
    fields = {"method": request.method, "route": route, "status": response.status_code, "ms": round(milliseconds, 1)}
    logger.info("%s %s %d", request.method, route, response.status_code, extra=fields)
