"""Responses in JSON."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response


def json_response(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, separators=(",", ":")), status=status, content_type="application/json")


def encoded_json_response(body: bytes | str, status: int) -> Response:
    """A response whose body is already encoded."""
    return Response(body, status=status, content_type="application/json")
