"""Stripe's API v1 as far as a subscription shop uses it, in version 2026-10-28.endive."""

from integrations.sandbox.stripe_api.errors import injected_error
from integrations.sandbox.stripe_api.router import handle

__all__ = ["handle", "injected_error"]
