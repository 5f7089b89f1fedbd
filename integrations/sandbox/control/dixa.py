"""Opens and closes conversations of end users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from integrations.sandbox.control.bodies import json_body
from integrations.sandbox.control.errors import ControlError
from integrations.sandbox.dixa_api import anonymization

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox


def conversation(sandbox: Sandbox, request: Request, id: str) -> Any:
    """`{"open": true}`: a conversation of the end user is open; `{"open": false}`: none is."""
    is_open = json_body(request).get("open")
    if not isinstance(is_open, bool):
        raise ControlError("open must be true or false.")
    if sandbox.store.get("dixa.enduser", id) is None:
        raise ControlError("There is no such end user.", status=404)
    anonymization.set_conversation(sandbox, id, is_open=is_open)
    return {"id": id, "open": is_open}
