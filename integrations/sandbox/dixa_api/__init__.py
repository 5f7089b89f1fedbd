"""Dixa's API v1 as far as a customer record sync uses it: end users, custom attributes, anonymization.

Dixa has no idempotency keys, no DELETE, and no error codes. Its public limits: 10 requests a second, burst 4.
"""

from integrations.sandbox.dixa_api.router import handle

__all__ = ["handle"]
