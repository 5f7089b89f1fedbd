"""Error codes for the failures of a provider."""

from __future__ import annotations

from integrations.errors import ProviderError, ProviderThrottled, ProviderUnavailable, ProviderUnclear
from integrations.http import AccountRefused, RequestRejected


def code_of(error: ProviderError) -> str:
    """A code for the row. It contains no personal data."""
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
