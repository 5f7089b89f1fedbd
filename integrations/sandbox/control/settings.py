"""Reads and changes the settings of a running sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from integrations.sandbox.brevo_api import contacts
from integrations.sandbox.control.bodies import json_body
from integrations.sandbox.control.errors import ControlError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

NUMBERS = ("brevo.contacts_per_second", "dixa.requests_per_second", "dixa.burst", "brevo.credits")


def read(sandbox: Sandbox, _: Request) -> Any:
    return {
        "brevo.contacts_per_second": sandbox.brevo_contacts.per_second,
        "dixa.requests_per_second": sandbox.dixa_calls.per_second,
        "dixa.burst": sandbox.dixa_calls.burst - (sandbox.dixa_calls.per_second or 0),
        "brevo.credits": sandbox.store.setting("brevo.credits"),
        "brevo.attributes": sorted(contacts.known_attributes(sandbox)),
        "stripe.webhook_url": sandbox.webhooks.urls["stripe"],
        "brevo.webhook_url": sandbox.webhooks.urls["brevo"],
    }


def change(sandbox: Sandbox, request: Request) -> Any:
    """Change settings until the next restart. A rate of null or 0 switches a limit off."""
    changes = json_body(request)
    _validate(changes, known=set(read(sandbox, request)))
    _change_rate_limits(sandbox, changes)
    for provider in ("stripe", "brevo"):
        if f"{provider}.webhook_url" in changes:
            sandbox.webhooks.urls[provider] = str(changes[f"{provider}.webhook_url"] or "")
    for name in ("brevo.credits", "brevo.attributes"):
        if name in changes:
            sandbox.store.set_setting(name, changes[name])
    return read(sandbox, request)


def _validate(changes: dict[str, Any], *, known: set[str]) -> None:
    if unknown := set(changes) - known:
        raise ControlError(f"Unknown setting {sorted(unknown)[0]}; known: {', '.join(sorted(known))}.")
    for name in NUMBERS:
        value = changes.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise ControlError(f"{name} must be a number, or null.")


def _change_rate_limits(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    if "brevo.contacts_per_second" in changes:
        rate = changes["brevo.contacts_per_second"] or None
        sandbox.brevo_contacts.configure(per_second=rate, burst=rate or 10)
    if changes.keys() & {"dixa.requests_per_second", "dixa.burst"}:
        rate = changes.get("dixa.requests_per_second", sandbox.dixa_calls.per_second) or None
        burst = changes.get("dixa.burst", sandbox.config.dixa_burst)
        sandbox.dixa_calls.configure(per_second=rate, burst=(rate or 10) + burst)
