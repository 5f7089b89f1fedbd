"""Erase again, after a backup was restored, everybody who was erased since the backup.

The list holds customer ids and nothing else. It must be kept outside of the database, with the backups.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from subscriptions.models import Customer
from subscriptions.operations.erasures.requests import replay_erasure
from subscriptions.queries import CustomerNotFound


class BadList(Exception):
    """A line is not the id of a customer. The message names the line."""


@dataclass(slots=True)
class Replayed:
    """The customers of a list: erased again, erased or being erased already, and not in this database."""

    again: list[UUID] = field(default_factory=list)
    before: list[UUID] = field(default_factory=list)
    unknown: list[UUID] = field(default_factory=list)


def erased_customers(*, since: dt.datetime | None) -> Iterator[UUID]:
    """The ids of the customers whose erasure began at ``since`` or later, the oldest first. None: all."""
    erased = Customer.objects.filter(erased_at__isnull=False).order_by("erased_at")
    if since is not None:
        erased = erased.filter(erased_at__gte=since)
    yield from erased.values_list("pk", flat=True).iterator()


def read_list(lines: Iterable[str]) -> list[UUID]:
    """The ids of a list, one a line. Empty lines and lines that start with ``#`` are skipped. Raises ``BadList``."""
    ids = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            ids.append(UUID(text))
        except ValueError:
            raise BadList(f"Line {number} is not the id of a customer.") from None
    return ids


def replay(*, customer_ids: Iterable[UUID], at: dt.datetime) -> Replayed:
    """Erase these customers again, unless they are erased. Each is committed on its own, so it may run again."""
    done = Replayed()
    for customer_id in customer_ids:
        is_erased = Customer.objects.filter(pk=customer_id, erased_at__isnull=False).exists()
        try:
            replay_erasure(customer_id=customer_id, at=at)
        except CustomerNotFound:
            done.unknown.append(customer_id)
        else:
            (done.before if is_erased else done.again).append(customer_id)
    return done
