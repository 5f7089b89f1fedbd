"""What a provider's failure is called on a row."""

from __future__ import annotations

from integrations.errors import ProviderError, ProviderThrottled, ProviderUnavailable, ProviderUnclear
from integrations.http import AccountRefused, RequestRejected


def code_of(error: ProviderError) -> str:
    """A code that says what happened, with nothing personal in it."""
    match error:
        case RequestRejected():
            return f"refused:{error.code or error.status}"
        case ProviderThrottled():
            return "throttled"
        case AccountRefused():
            return "account_refused"
        case ProviderUnavailable():
            return "unavailable"
        case ProviderUnclear():
            return "outcome_unknown"
        case _:
            return "refused"
