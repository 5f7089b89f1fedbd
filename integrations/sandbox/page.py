"""The page at /: what the providers received, and switches for faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from integrations.sandbox.app import Sandbox


def handle(sandbox: Sandbox, request: Request) -> Response:
    return Response("sandbox", content_type="text/plain")
