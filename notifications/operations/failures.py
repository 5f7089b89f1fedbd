"""Error codes for the failures of a provider."""

from __future__ import annotations

from integrations.errors import ProviderError, ProviderThrottled, ProviderUnavailable, ProviderUnclear
from integrations.http import AccountRejected, RequestRejected


def code_of(error: ProviderError) -> str:
    """A code for the row. It contains no personal data."""
    match error:
        case RequestRejected():
            return f"rejected:{error.code or error.status}"
        case ProviderThrottled():
            return "throttled"
        case AccountRejected():
            return "account_rejected"
        case ProviderUnavailable():
            return "unavailable"
        case ProviderUnclear():
            return "outcome_unknown"
        case _:
            return "rejected"
