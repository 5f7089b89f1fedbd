"""A small JSON client for providers without an SDK: explicit time-outs, no hidden retries.

Each call has one of four outcomes: a ``ProviderResponse``; ``RequestRejected``; ``ProviderUnavailable`` or
``ProviderThrottled`` (certainly without effect); ``ProviderUnclear`` (outcome unknown).
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from integrations import in_process
from integrations.errors import (
    ProviderError,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    ProviderUnclear,
)

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 2.0
READ_SECONDS = 8.0
TOTAL_SECONDS = 10.0
MAX_RESPONSE_BYTES = 4 * 1024 * 1024

# Shorter than any provider's value, so that a provider rarely closes a connection just before a call.
KEEP_ALIVE_SECONDS = 15.0
POOL = 10

# The form of error codes. Any other text is not a code and may be personal data.
SAFE_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
NOT_PROCESSED = {425}  # "too early": the request had no effect
ACCOUNT_TROUBLE = {401, 402, 403, 407}
NOT_UNDERSTOOD_IN_TIME = 408
TOO_MANY = 429

# These errors occur before anything is sent.
CERTAINLY_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class RequestRejected(ProviderRejected):
    """The provider rejected the request.

    ``code`` is the vendor's, or empty. ``vendor_message`` may hold personal data: gateways may read it, but must not
    log, store or raise it.
    """

    def __init__(self, message: str = "", *, status: int = 0, code: str = "", vendor_message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.vendor_message = vendor_message


class AccountRejected(ProviderUnavailable):
    """The provider rejected the account: a wrong key, no credit, or a plan without this feature (401, 402, 403).

    The request had no effect and is valid: it succeeds after an operator has corrected the account. The retry ladder
    repeats it; afterwards it waits in the dead-letter queue.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderResponse:
    """A response with status 2xx. ``body`` is its JSON; None if it is empty."""

    status: int
    body: Any

    def field(self, name: str) -> Any:
        """A field of the body; None if there is no such field."""
        return self.body.get(name) if isinstance(self.body, dict) else None


class Deadline:
    """The end of the time that several calls share."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._end - time.monotonic()


class JsonClient:
    """A JSON client for one provider. Each process opens its own pool of connections."""

    def __init__(self, *, provider: str, base_url: str, headers: Mapping[str, str], keep_alive: bool = True) -> None:
        self._provider = provider
        self._base_url = base_url.rstrip("/")
        self._headers = {**headers, "Accept": "application/json"}
        self._keep_alive = keep_alive
        self._lock = threading.Lock()
        self._pool: tuple[int, httpx.Client] | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
        log_as: str = "",
    ) -> ProviderResponse:
        """Make one call, without retries. It ends after ``TOTAL_SECONDS`` or at the deadline.

        ``path`` is logged, unless ``log_as`` replaces it in logs and errors, because it holds personal data. Raises
        RequestRejected, AccountRejected, ProviderThrottled, ProviderUnavailable and ProviderUnclear.
        """
        call = f"{self._provider}: {method} {log_as or path}"
        seconds = min(TOTAL_SECONDS, deadline.left if deadline else TOTAL_SECONDS)
        if seconds <= 0:
            raise self._named(ProviderUnavailable(f"{call}: no time left"))
        started = time.monotonic()
        try:
            status, headers, content = self._exchange(method, path, json, params, seconds)
        except CERTAINLY_UNSENT as error:
            # "from None": httpx's text may hold the URL.
            raise self._named(ProviderUnavailable(f"{call}: {type(error).__name__}")) from None
        except (httpx.HTTPError, httpx.StreamError, _ResponseTooLong) as error:
            raise self._named(ProviderUnclear(f"{call}: {type(error).__name__}")) from None
        logger.debug("%s: %d in %.0f ms", call, status, (time.monotonic() - started) * 1000)
        return self._response(call, status, headers, content)

    def close(self) -> None:
        """Close this process's connections; the next call opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            _close_in_its_process(*pool)

    def _exchange(
        self, method: str, path: str, body: Any, params: Mapping[str, str] | None, seconds: float
    ) -> tuple[int, httpx.Headers, bytes]:
        """Read the response piece by piece, because httpx limits the time of each read, not of all of them."""
        end = time.monotonic() + seconds
        timeout = httpx.Timeout(min(READ_SECONDS, seconds), connect=min(CONNECT_SECONDS, seconds))
        options: dict[str, Any] = {} if body is None else {"json": body}
        with self._client().stream(
            method, f"{self._base_url}{path}", params=params, timeout=timeout, **options
        ) as response:
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > MAX_RESPONSE_BYTES or time.monotonic() > end:
                    raise _ResponseTooLong
            return response.status_code, response.headers, bytes(content)

    def _response(self, call: str, status: int, headers: httpx.Headers, content: bytes) -> ProviderResponse:
        if not 200 <= status < 300:
            raise self._named(_failure(call, status, headers, content))
        try:
            return ProviderResponse(status=status, body=json.loads(content) if content.strip() else None)
        except (ValueError, RecursionError):
            raise self._named(ProviderUnclear(f"{call}: {status} without JSON")) from None

    def _named(self, error: ProviderError) -> ProviderError:
        error.provider = self._provider
        return error

    def _client(self) -> httpx.Client:
        """This process's pool. A forked child must not use its parent's sockets, so it opens a new pool."""
        pool = self._pool
        if pool is not None and pool[0] == os.getpid():
            return pool[1]
        with self._lock:
            if self._pool is None or self._pool[0] != os.getpid():
                self._pool = (os.getpid(), self._new_client())
            return self._pool[1]

    def _new_client(self) -> httpx.Client:
        host = urlsplit(self._base_url).hostname or ""
        client = httpx.Client(
            headers=self._headers,
            verify=_trusted(),
            transport=_InProcess() if in_process.answers(self._base_url) else None,
            follow_redirects=False,
            trust_env=not (host == "localhost" or host.startswith("127.")),  # proxies cannot reach this machine
            limits=httpx.Limits(
                max_connections=POOL,
                max_keepalive_connections=POOL if self._keep_alive else 0,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
            ),
        )
        # A cache of clients may drop this one without a call of close(), and httpx does not close its own sockets.
        weakref.finalize(self, _close_in_its_process, os.getpid(), client)
        return client


def _close_in_its_process(process_id: int, client: httpx.Client) -> None:
    """Close the connections, unless this process is a forked child: then they belong to its parent."""
    if process_id == os.getpid():
        client.close()


class _InProcess(httpx.BaseTransport):
    """Calls the application that answers in this process."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            status, headers, content = in_process.call(
                method=request.method,
                url=str(request.url),
                headers=request.headers,
                body=request.read(),
            )
        except ConnectionError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        return httpx.Response(status, headers=headers, content=content)


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The trusted certificate authorities. Reading them takes some 20 ms, so all clients of a process share them."""
    return httpx.create_ssl_context()


class _ResponseTooLong(Exception):
    """The whole response took too long, or is too large."""


def _failure(call: str, status: int, headers: httpx.Headers, content: bytes) -> ProviderError:
    """The error for a response other than 2xx."""
    code, message = _vendor_error(content)
    text = f"{call}: {status} {code}".strip()
    if status == TOO_MANY:
        return ProviderThrottled(text, retry_after=retry_after(headers))
    if status in NOT_PROCESSED:
        return ProviderUnavailable(text, retry_after=retry_after(headers))
    if status in ACCOUNT_TROUBLE or 300 <= status < 400:
        # Redirects are not followed: an API does not move, so the configured URL is wrong.
        return AccountRejected(text)
    if 400 <= status < 500 and status != NOT_UNDERSTOOD_IN_TIME:
        return RequestRejected(text, status=status, code=code, vendor_message=message)
    return ProviderUnclear(text, retry_after=retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait that a provider asks for, in seconds: ``Retry-After``, or Brevo's ``x-sib-ratelimit-reset``."""
    for name in ("retry-after", "x-sib-ratelimit-reset"):
        try:
            seconds = float(headers[name])
        except (KeyError, ValueError):
            continue  # absent, or a date, which no provider here sends
        if 0 <= seconds < float("inf"):
            return seconds
    return None


def _vendor_error(content: bytes) -> tuple[str, str]:
    """The vendor's error code and message; each may be empty."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    code, message = body.get("code"), body.get("message")
    if not isinstance(code, str) or not SAFE_CODE.fullmatch(code):
        code = ""
    return code, message if isinstance(message, str) else ""
