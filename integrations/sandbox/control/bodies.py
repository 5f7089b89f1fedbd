"""The JSON bodies of requests to the control API."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request

from integrations.sandbox.control.errors import ControlError


def json_body(request: Request) -> dict[str, Any]:
    """The body; empty if the request has none. Raises `ControlError` unless it is a JSON object."""
    document = request.get_json(silent=True, force=True) if request.get_data() else {}
    if not isinstance(document, dict):
        raise ControlError("The body must be a JSON object.")
    return document
