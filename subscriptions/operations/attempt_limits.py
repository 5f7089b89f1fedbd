"""Limit how often an address or a network may try to log in. All web processes share the counts in PostgreSQL.

Each attempt is counted before it is made, in a statement of its own, so that a failed attempt and many attempts at once
count as well. An address counts the same whether or not it has a login.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils.crypto import salted_hmac

from integrations.purging import delete_in_batches
from subscriptions.models import AttemptCount

PERIODS = {"s": 1, "sec": 1, "min": 60, "hour": 3600, "day": 86400}
COUNT = """
    INSERT INTO subscriptions_attemptcount AS stored (scope, key_hash, count, ends_at) VALUES (%s, %s, 1, %s)
    ON CONFLICT (scope, key_hash) DO UPDATE SET
        count = CASE WHEN stored.ends_at <= %s THEN 1 ELSE LEAST(stored.count + 1, %s) END,
        ends_at = CASE WHEN stored.ends_at <= %s THEN excluded.ends_at ELSE stored.ends_at END
    RETURNING count, ends_at
"""


class Scope(enum.StrEnum):
    """The kinds of counters. Mails and attempts have separate counts."""

    MAIL_TO_ADDRESS = "mail_to_address"
    MAIL_FROM_NETWORK = "mail_from_network"
    ATTEMPT_AT_ADDRESS = "attempt_at_address"
    ATTEMPT_FROM_NETWORK = "attempt_from_network"


SETTINGS = {
    Scope.MAIL_TO_ADDRESS: "LOGIN_MAIL_LIMIT",
    Scope.MAIL_FROM_NETWORK: "LOGIN_NETWORK_LIMIT",
    Scope.ATTEMPT_AT_ADDRESS: "LOGIN_ATTEMPT_LIMIT",
    Scope.ATTEMPT_FROM_NETWORK: "LOGIN_NETWORK_LIMIT",
}


class TooManyAttempts(Exception):
    """The limit of this window is reached. ``wait``: seconds until the window ends."""

    def __init__(self, wait: float) -> None:
        super().__init__("Too many attempts to log in.")
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``count`` in each window of ``seconds``."""

    count: int
    seconds: int


def limit_of(scope: Scope) -> Limit:
    """The limit from the settings, written as 5/hour."""
    count, _, period = str(getattr(settings, SETTINGS[scope])).partition("/")
    return Limit(count=int(count), seconds=PERIODS[period])


def count_attempt(*, scope: Scope, key: str, at: dt.datetime) -> None:
    """Count one attempt. Raises ``TooManyAttempts``."""
    limit = limit_of(scope)
    ends_at = at + dt.timedelta(seconds=limit.seconds)
    with connection.cursor() as cursor:
        # The count stops one above the limit, so that a flood does not let it overflow.
        cursor.execute(COUNT, [scope, key_hash(scope=scope, key=key), ends_at, at, limit.count + 1, at])
        count, stored_end = cursor.fetchone()
    if count > limit.count:
        raise TooManyAttempts(wait=(stored_end - at).total_seconds())


def take_back(*, scope: Scope, key: str) -> None:
    """Uncount one attempt, because it succeeded."""
    counts = AttemptCount.objects.filter(scope=scope, key_hash=key_hash(scope=scope, key=key), count__gt=0)
    counts.update(count=F("count") - 1)


def purge_attempts(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete the counts of windows that have ended, ``batch`` rows per statement; return their number."""
    return delete_in_batches(AttemptCount.objects.filter(ends_at__lte=at), batch=batch)


def key_hash(*, scope: Scope, key: str) -> str:
    """The form in which the table names an address or a network."""
    return salted_hmac("subscriptions.attempts", f"{scope}:{key}", algorithm="sha256").hexdigest()
