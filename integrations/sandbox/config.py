"""The settings of the sandbox: keys, webhook addresses, and the file that holds its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LIVE_KEY_PREFIXES = ("sk_live_", "rk_live_", "pk_live_")

# Seconds between webhook attempts, shortened for development. Stripe retries for three days, Brevo for eleven hours.
STRIPE_RETRIES = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0)
BREVO_RETRIES = (2.0, 6.0, 12.0, 48.0)


class LiveKeyRefused(Exception):
    """The environment holds a live Stripe key. The sandbox does not start then."""


class BadSetting(Exception):
    """A setting of the sandbox is invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one sandbox. An empty key or token means: any test credential is accepted."""

    data: str = ":memory:"
    stripe_api_key: str = ""
    stripe_publishable_key: str = ""
    stripe_webhook_secret: str = "whsec_sandbox"
    stripe_webhook_url: str = ""
    stripe_webhook_events: tuple[str, ...] = ()
    """The event types that the endpoint subscribes to; empty means all."""
    brevo_api_key: str = ""
    brevo_webhook_token: str = ""
    brevo_webhook_url: str = ""
    dixa_api_token: str = ""
    brevo_contacts_per_second: float | None = 10.0
    brevo_credits: float | None = None
    dixa_requests_per_second: float | None = 10.0
    dixa_burst: int = 4
    stripe_webhook_retries: tuple[float, ...] = STRIPE_RETRIES
    brevo_webhook_retries: tuple[float, ...] = BREVO_RETRIES
    webhook_timeout: float = 10.0
    faults: tuple[Mapping[str, Any], ...] = field(default=())


def from_environment(environ: Mapping[str, str], *, data: str) -> Config:
    """Read the settings; raises `LiveKeyRefused` or `BadSetting`."""
    refuse_live_keys(environ)
    retries = _seconds(environ.get("SANDBOX_WEBHOOK_RETRIES", ""))
    return Config(
        data=data,
        stripe_api_key=environ.get("STRIPE_API_KEY", ""),
        stripe_publishable_key=environ.get("STRIPE_PUBLISHABLE_KEY", ""),
        stripe_webhook_secret=environ.get("STRIPE_WEBHOOK_SECRET", "").split(",")[0] or "whsec_sandbox",
        stripe_webhook_url=environ.get("STRIPE_WEBHOOK_URL", ""),
        stripe_webhook_events=tuple(filter(None, environ.get("STRIPE_WEBHOOK_EVENTS", "").split(","))),
        brevo_api_key=environ.get("BREVO_API_KEY", ""),
        brevo_webhook_token=environ.get("BREVO_WEBHOOK_TOKEN", ""),
        brevo_webhook_url=environ.get("BREVO_WEBHOOK_URL", ""),
        dixa_api_token=environ.get("DIXA_API_TOKEN", ""),
        brevo_contacts_per_second=_rate(environ, "SANDBOX_BREVO_CONTACTS_PER_SECOND", 10.0),
        dixa_requests_per_second=_rate(environ, "SANDBOX_DIXA_REQUESTS_PER_SECOND", 10.0),
        stripe_webhook_retries=retries or STRIPE_RETRIES,
        brevo_webhook_retries=retries or BREVO_RETRIES,
        faults=_faults(environ.get("SANDBOX_FAULTS", "")),
    )


def refuse_live_keys(environ: Mapping[str, str]) -> None:
    for name, value in environ.items():
        if any(mark in value for mark in LIVE_KEY_PREFIXES):
            raise LiveKeyRefused(f"{name} holds a live Stripe key; the sandbox refuses to start beside one.")


def _rate(environ: Mapping[str, str], name: str, default: float) -> float | None:
    """Requests per second; 0 or "off" switches the limit off."""
    text = environ.get(name, "")
    if not text:
        return default
    if text.lower() in {"0", "off", "none"}:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise BadSetting(f"{name} must be a number of requests per second, or 'off'.") from error


def _seconds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise BadSetting("SANDBOX_WEBHOOK_RETRIES must be seconds separated by commas.") from error


def _faults(text: str) -> tuple[Mapping[str, Any], ...]:
    if not text.strip():
        return ()
    try:
        rules = json.loads(text)
    except ValueError as error:
        raise BadSetting("SANDBOX_FAULTS must be a JSON list of fault rules.") from error
    if not isinstance(rules, list):
        raise BadSetting("SANDBOX_FAULTS must be a JSON list of fault rules.")
    return tuple(rules)
