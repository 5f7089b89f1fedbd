"""The one question every failure answers: may it be tried again?

Gateways map what a vendor says to these classes at the edge; tasks and operations see nothing else of a vendor.
"""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction


def database_is_away(error: Exception) -> bool:
    """Whether an error lies with the database itself: it is gone, or takes no writes, as until a failover is over."""
    return isinstance(error, (OperationalError, InterfaceError)) or isinstance(
        error.__cause__, ReadOnlySqlTransaction
    )


class TransientError(Exception):
    """It failed now and may succeed later; the retry ladder tries it again.

    ``retry_after`` is what the other side asked for, in seconds; it wins where it is longer than the ladder's step.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(Exception):
    """No retry can mend it; the message goes to its dead-letter queue at once."""


class MalformedMessage(PermanentError):
    """The message does not carry what its task needs: an argument is missing or is not what it should be."""


class ProviderError(Exception):
    """A provider did not do what it was asked. ``provider`` names it; the text carries no personal data."""

    provider: str = ""


class ProviderUnavailable(ProviderError, TransientError):
    """The request certainly had no effect: the connection was refused, or the provider turned it away unread."""


class ProviderThrottled(ProviderUnavailable):
    """The provider asked us to slow down (HTTP 429); nothing was done."""


class ProviderUnclear(ProviderError, TransientError):
    """Nobody knows whether it took effect: a time-out, a dropped connection, a 5xx. Ask before trying again."""


class ProviderRefused(ProviderError, PermanentError):
    """The provider read the request and will not do it; the same request will never succeed."""
