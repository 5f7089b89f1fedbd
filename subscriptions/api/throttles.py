"""Rate limits of the accounts' API. Attempts to log in are also limited in the database."""

from __future__ import annotations

from typing import Any

from integrations.web.throttles import ClientAddressThrottle, ScopedThrottle
from subscriptions.api.authentication import api_key_of


class LoginAttemptThrottle(ClientAddressThrottle):
    """``LOGIN_RATE_LIMIT`` requests for each client address. It spares the database a flood."""

    scope = "login"


class AccountThrottle(ScopedThrottle):
    """``ACCOUNT_RATE_LIMIT`` requests for each login. Requests with an API key have another limit."""

    scope = "account"

    def caller(self, request: Any) -> str | None:
        return None if api_key_of(request) else str(request.user.pk)


class ApiKeyThrottle(ScopedThrottle):
    """``API_KEY_RATE_LIMIT`` requests for each API key."""

    scope = "api_key"

    def caller(self, request: Any) -> str | None:
        key = api_key_of(request)
        return str(key.pk) if key else None
