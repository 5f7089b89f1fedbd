"""Reads and sets the fault rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from integrations.sandbox import presets
from integrations.sandbox.control.bodies import json_body
from integrations.sandbox.control.errors import ControlError
from integrations.sandbox.faults import InvalidFault

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox


def listing(sandbox: Sandbox, _: Request) -> Any:
    return {"data": sandbox.faults.rules()}


def replace(sandbox: Sandbox, request: Request) -> Any:
    rules = request.get_json(silent=True, force=True)
    if isinstance(rules, dict):
        rules = rules.get("faults", rules.get("data", [rules] if "kind" in rules else None))
    if not isinstance(rules, list):
        raise InvalidFault('Send a JSON list of fault rules, or {"faults": [...]}.')
    sandbox.faults.replace(rules)
    return listing(sandbox, request)


def add(sandbox: Sandbox, request: Request) -> Any:
    sandbox.faults.replace([*sandbox.faults.rules(), json_body(request)])
    return listing(sandbox, request)


def clear(sandbox: Sandbox, _: Request) -> Any:
    sandbox.faults.replace([])
    return {"data": []}


def toggle_preset(sandbox: Sandbox, request: Request, name: str) -> Any:
    """Add the rules of a preset, or remove them if they are active."""
    if name not in presets.PRESETS:
        raise ControlError(f"There is no preset {name}.", status=404)
    sandbox.faults.replace(presets.toggled(sandbox.faults.rules(), name))
    return listing(sandbox, request)
