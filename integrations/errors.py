"""Errors that tell whether a retry can help.

Gateways convert every error of a vendor to these classes; tasks and operations see no other errors of a vendor.
"""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction


def database_is_away(error: Exception) -> bool:
    """Whether the database is unavailable or read-only, as during a failover."""
    return isinstance(error, (OperationalError, InterfaceError)) or isinstance(
        error.__cause__, ReadOnlySqlTransaction
    )


class TransientError(Exception):
    """It failed now and may succeed later; the retry ladder repeats it.

    ``retry_after`` is the wait that the provider asked for, in seconds. It applies if the ladder's step is shorter.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(Exception):
    """No retry can help; the message goes to its dead-letter queue at once."""


class MalformedMessage(PermanentError):
    """An argument of the message is missing or has the wrong type."""


class ProviderError(Exception):
    """A provider did not do what was requested. ``provider`` is its name; the text holds no personal data."""

    provider: str = ""


class ProviderUnavailable(ProviderError, TransientError):
    """The request certainly had no effect: the connection failed, or the provider did not process it."""


class ProviderThrottled(ProviderUnavailable):
    """The provider rejected the request because of its rate limit (HTTP 429); it had no effect."""


class ProviderUnclear(ProviderError, TransientError):
    """The outcome is unknown: a time-out, a dropped connection, a 5xx. Read the state before a retry."""


class ProviderRejected(ProviderError, PermanentError):
    """The provider rejected the request; the same request will never succeed."""
