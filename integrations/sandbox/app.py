"""The WSGI application: selects the provider, applies faults, and records requests in the journal."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from integrations.sandbox import brevo_api, browser, control, dixa_api, page, stripe_api
from integrations.sandbox.config import Config
from integrations.sandbox.faults import Fault, RequestFaults
from integrations.sandbox.journal import Entry
from integrations.sandbox.responses import json_response
from integrations.sandbox.state import Sandbox
from integrations.sandbox.webhooks import Send, post

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger(__name__)
PROVIDERS = {"stripe": stripe_api.handle, "brevo": brevo_api.handle, "dixa": dixa_api.handle}
NON_JSON = "<html><head><title>Upstream</title></head><body><h1>Everything is fine</h1></body></html>"
SANDBOX_BUG = Fault(kind="error", status=500)


class ConnectionDropped(ConnectionResetError):
    """The sandbox closed the connection. In process, the caller gets this exception instead."""


class App(Sandbox):
    """A sandbox as a WSGI callable."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.get_data(cache=True)  # An unread body would corrupt the next request on a keep-alive connection.
        _, _, rest = request.path.partition("/")
        provider, _, path = rest.partition("/")
        if browser_response := browser.handle(request):
            response = browser_response
        elif provider in PROVIDERS:
            try:
                response = self._as_provider(provider, f"/{path}", request)
            except ConnectionDropped:
                # Close the connection only after recording, so that the client finds the request in the journal.
                _close_connection(request)
                raise
        elif provider == "sandbox":
            response = control.handle(self, request)
        else:
            response = page.handle(self, request)
        return browser.add_cors_headers(request, response)(environ, start_response)

    def _as_provider(self, provider: str, path: str, request: Request) -> Response:
        began, generation = time.perf_counter(), self.journal.generation
        faults = self.faults.for_request(provider=provider, method=request.method, path=path)
        response: Response | None = None
        try:
            response = self._answer(provider, path, request, faults)
            return response
        finally:
            self.journal.add(
                Entry(
                    provider=provider,
                    method=request.method,
                    path=path,
                    idempotency_key=_idempotency_key(request),
                    status=response.status_code if response else None,
                    replayed=bool(response and "Idempotent-Replayed" in response.headers),
                    faults=faults.names,
                    at=time.time(),
                    ms=round((time.perf_counter() - began) * 1000, 2),
                ),
                generation=generation,
            )

    def _answer(self, provider: str, path: str, request: Request, faults: RequestFaults) -> Response:
        if faults.before is not None:
            return self._fail(provider, faults.before, request)
        try:
            response = PROVIDERS[provider](self, path, request, faults)
        except Exception:
            logger.exception("The sandbox failed at %s %s", request.method, request.path)
            response = injected_error(provider, SANDBOX_BUG)
        if faults.after is None:
            return response
        if faults.after.kind == "non_json":
            return Response(NON_JSON, content_type="text/html; charset=utf-8")
        return self._fail(provider, faults.after, request)

    def _fail(self, provider: str, fault: Fault, request: Request) -> Response:
        if fault.kind.startswith("error"):
            return injected_error(provider, fault)
        if fault.kind.startswith("timeout"):
            self.stopping.wait(fault.seconds)
        raise ConnectionDropped("The sandbox dropped the connection, because of a fault rule.")


def _close_connection(request: Request) -> None:
    connection: socket.socket | None = request.environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)


def injected_error(provider: str, fault: Fault) -> Response:
    """An error response in the format of the provider."""
    body: dict[str, Any]
    if provider == "stripe":
        body = {"error": stripe_api.injected_error(fault.status)}
    elif provider == "brevo":
        body = {"code": brevo_api.error_code(fault.status), "message": "Injected by the sandbox"}
    else:
        body = {"message": "Injected by the sandbox"}
    response = json_response(body, fault.status)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = f"{fault.retry_after:g}"
    return response


def _idempotency_key(request: Request) -> str | None:
    if key := request.headers.get("Idempotency-Key"):
        return key[:255]
    if request.path.endswith("/smtp/email"):
        document = request.get_json(silent=True)
        if isinstance(document, dict) and isinstance(document.get("headers"), dict):
            key = document["headers"].get("idempotencyKey")
            return str(key) if key else None
    return None


def create_app(config: Config | None = None, *, send: Send = post, **settings: Any) -> App:
    """Create a sandbox to call in process (`httpx.WSGITransport(app=...)`) or to serve. Close it when done.

    `settings` are the fields of `Config`; `send` replaces the HTTP client of the webhooks.
    """
    return App(config or Config(**settings), send=send)
