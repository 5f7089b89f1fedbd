"""Serve the example portal, and pass its calls of the API on to the shop.

The page and the API then have one origin, as behind one web server in production, so that the session cookie works.

    python docs/examples/customer-portal/serve.py [--shop http://127.0.0.1:8000] [--port 8090]
"""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).with_name("portal.html")
SENT = ("Accept-Language", "Content-Type", "Cookie", "Idempotency-Key", "X-CSRFToken")
RETURNED = ("Content-Type", "Retry-After", "Set-Cookie")


class Portal(BaseHTTPRequestHandler):
    """``/`` is the page; every path below ``/api/`` is the shop's."""

    shop = ""

    def do_GET(self) -> None:
        if self.path.startswith("/api/"):
            self._pass_on()
        elif self.path == "/":
            self._answer(200, [("Content-Type", "text/html; charset=utf-8")], PAGE.read_bytes())
        else:
            self._answer(404, [], b"")

    do_POST = do_PATCH = do_PUT = do_DELETE = lambda self: self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        headers = {name: self.headers[name] for name in SENT if name in self.headers}
        request = urllib.request.Request(self.shop + self.path, data=body, headers=headers, method=self.command)
        try:
            response = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        except urllib.error.URLError as error:
            self._answer(502, [], f"The shop at {self.shop} does not answer: {error.reason}".encode())
            return
        with response:
            kept = [(name, value) for name, value in response.headers.items() if name in RETURNED]
            self._answer(response.status, kept, response.read())

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the example portal.")
    parser.add_argument("--shop", default="http://127.0.0.1:8000", help="the address of the shop")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    Portal.shop = options.shop.rstrip("/")
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Portal)
    sys.stdout.write(f"The portal is at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
