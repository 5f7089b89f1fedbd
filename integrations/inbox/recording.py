"""Store what a provider tells us once, and publish that it is there, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from integrations.inbox.models import WebhookEvent
from integrations.outbox.events import Event, publish_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One event as a provider's webhook gave it; ``event_id`` is what makes it one."""

    event_id: str
    type: str
    payload: dict[str, Any]


@transaction.atomic(durable=True)
def record(*, provider: str, received: Sequence[Received], event: Callable[[UUID], Event]) -> int:
    """Store the events that are new and publish one ``event(id)`` for each; return how many were new.

    Told twice, even at the same time, an event is stored and published once.
    """
    rows = {
        one.event_id: WebhookEvent(provider=provider, event_id=one.event_id, type=one.type[:100], payload=one.payload)
        for one in received
    }
    WebhookEvent.objects.bulk_create(rows.values(), ignore_conflicts=True)
    ids = [row.pk for row in rows.values()]
    new = list(WebhookEvent.objects.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
    publish_all(event(pk) for pk in new)
    return len(new)


def mark_processed(*, webhook_event_id: UUID, outcome: str) -> None:
    """Note when and how the event was dealt with. ``outcome`` is a few words, nothing personal."""
    WebhookEvent.objects.filter(pk=webhook_event_id).update(processed_at=timezone.now(), outcome=outcome[:200])


def note_failed(*, webhook_event_id: UUID, outcome: str) -> None:
    """Note why the event cannot be dealt with as things are; it still waits. ``outcome`` as in ``mark_processed``."""
    WebhookEvent.objects.filter(pk=webhook_event_id, processed_at=None).update(outcome=outcome[:200])
