"""Find work that is stuck and publish its events again. See docs/adr/0009-sweeps-find-stuck-work.md.

If an outage lasts longer than a message's retries, the message ends in a dead-letter queue. The row that needs the work
still shows that it is not done. Each app therefore registers finders: functions that look for rows which have waited
longer than a message can live and have no message on its way, and return an event for each of them.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from django.db import transaction

from integrations.locks import session_lock
from integrations.outbox.events import Event, publish_all
from integrations.sqs.current import topology

logger = logging.getLogger(__name__)

MARGIN = dt.timedelta(minutes=5)  # for clocks that differ, and for messages that wait for a free worker
GIVE_UP_AFTER = dt.timedelta(days=3)  # older work needs a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rows that one sweep looks for: waiting since ``[given_up, stuck]``, at most ``batch`` of each kind."""

    at: dt.datetime
    batch: int

    @property
    def stuck(self) -> dt.datetime:
        """A message that was sent before this moment is no longer on its way."""
        queues = topology().queues
        max_life = max(topology().max_life_of(queue) for queue in queues)
        return self.at - dt.timedelta(seconds=max_life) - MARGIN

    @property
    def given_up(self) -> dt.datetime:
        """Rows that have waited since before this moment are left to a person."""
        return self.at - GIVE_UP_AFTER


Finder = Callable[[Window], Sequence[Event]]

_finders: dict[str, Finder] = {}


class DuplicateFinder(Exception):
    """Two finders are registered for one kind of work."""


def register(finders: Mapping[str, Finder]) -> None:
    """Have each sweep call these finders, in this order. The keys name the kinds of work in the log.

    Each finder runs in its own transaction after the one before it, so it sees the messages that those before it
    published.
    """
    for kind, finder in finders.items():
        if kind in _finders:
            raise DuplicateFinder(f"a finder for {kind!r} is already registered")
        _finders[kind] = finder


def registered_finders() -> Mapping[str, Finder]:
    """Every registered finder, by its kind of work, in the order in which a sweep calls them."""
    return MappingProxyType(_finders)


def sweep(*, at: dt.datetime, batch: int = 500) -> dict[str, int]:
    """Publish the events of stuck work, at most ``batch`` of each kind, the oldest first; return the count per kind.

    A second sweep right after it finds nothing. Raises ``Busy`` if another sweep takes long.
    """
    window = Window(at=at, batch=batch)
    # Two sweeps run one after the other, so that the second sees what the first has published.
    with session_lock("outbox.sweep"):
        found = {kind: _publish_found(finder, window) for kind, finder in _finders.items()}
    for kind, count in found.items():
        if count:
            logger.warning("stuck work: published events for %d %s%s", count, kind, _more(count, batch))
    return found


@transaction.atomic(durable=True)
def _publish_found(finder: Finder, window: Window) -> int:
    events = finder(window)
    publish_all(events)
    return len(events)


def _more(count: int, batch: int) -> str:
    return "; there may be more" if count == batch else ""
