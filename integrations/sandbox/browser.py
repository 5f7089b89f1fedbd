"""Serves browsers: the stand-in for Stripe.js, and CORS headers for calls from the shop's pages."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

SCRIPT = Path(__file__).parent / "static" / "stripe.js"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
AUTHENTICATION = re.compile(r"/sandbox/stripe/(payment|setup)_intents/[^/]+/authenticate")


def handle(request: Request) -> Response | None:
    """The response to a request that only browsers make; None for all other requests."""
    if request.path == "/stripe.js" and request.method in ("GET", "HEAD"):
        script = Response(SCRIPT.read_bytes(), content_type="text/javascript; charset=utf-8")
        script.headers["Cache-Control"] = "no-store"
        return script
    if request.method == "OPTIONS" and _may_read_response(request):
        preflight = Response(status=204)
        preflight.headers["Access-Control-Allow-Methods"] = "GET, POST"
        preflight.headers["Access-Control-Allow-Headers"] = "authorization, content-type, stripe-version"
        return add_cors_headers(request, preflight)
    return None


def add_cors_headers(request: Request, response: Response) -> Response:
    """Allow the calling page to read the response. Stripe allows every page; the stand-in for the bank allows pages of
    this machine only."""
    if _may_read_response(request):
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Vary"] = "Origin"
    return response


def _may_read_response(request: Request) -> bool:
    origin = request.headers.get("Origin", "")
    if not origin:
        return False
    if request.path.startswith("/stripe/"):
        return True
    return bool(AUTHENTICATION.fullmatch(request.path)) and urlsplit(origin).hostname in LOOPBACK
