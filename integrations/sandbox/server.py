"""A threaded HTTP/1.1 server: werkzeug's, with keep-alive connections and without delays."""

from __future__ import annotations

import errno
import io
import socket
from http.server import BaseHTTPRequestHandler
from socketserver import StreamRequestHandler
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, DechunkedInput, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from integrations.sandbox.app import App

HOST = "127.0.0.1"


class PortTaken(Exception):
    """Another process listens on the port."""


class KeepAliveHandler(WSGIRequestHandler):
    """Reads the whole body, calls the application, responds with a Content-Length, and keeps the connection open.

    Werkzeug's own handler closes each connection, and waits 10 ms after each response, because it does not know whether
    the body was read. This handler has always read it.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Otherwise small responses wait 40 ms for the delayed TCP ACK.
    wbufsize = 64 * 1024

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body())
        environ["wsgi.input_terminated"] = True
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Any:
            started.append((status, headers))
            return None

        try:
            body = b"".join(self.server.app(environ, start_response))
        except ConnectionError:
            self.close_connection = True
            return
        except Exception:
            self.close_connection = True
            self.send_error(500)
            raise
        self._respond(*started[-1], body)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return DechunkedInput(self.rfile).readall()  # type: ignore[arg-type]
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _respond(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if int(code) != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle(self) -> None:
        try:
            BaseHTTPRequestHandler.handle(self)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def finish(self) -> None:
        try:
            StreamRequestHandler.finish(self)
        except (ConnectionError, ValueError):
            self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write no access log; the journal records requests."""


def bind(sandbox: App, *, port: int) -> BaseWSGIServer:
    """A server on loopback that is bound but not yet running. Port 0 chooses a free port. Raises `PortTaken`."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Port {port} is taken. Set SANDBOX_PORT to another port.") from error
        raise
    listener.listen(128)
    try:
        return make_server(HOST, port, sandbox, threaded=True, request_handler=KeepAliveHandler, fd=listener.fileno())
    finally:
        listener.close()
