"""Brevo's API v3 as far as the shop uses it: e-mail, SMS, contacts, and the webhooks about them."""

from integrations.sandbox.brevo_api.errors import error_code
from integrations.sandbox.brevo_api.router import handle

__all__ = ["error_code", "handle"]
