"""Store each event of a provider once, and publish that it is stored, in one transaction."""

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
    """One event from a provider's webhook. ``event_id`` identifies it."""

    event_id: str
    type: str
    payload: dict[str, Any]


@transaction.atomic(durable=True)
def record(*, provider: str, received: Sequence[Received], event: Callable[[UUID], Event]) -> int:
    """Store the new events and publish one ``event(id)`` for each; return the number of new events.

    If a provider sends an event twice, even at the same time, it is stored and published once.
    """
    rows = {
        item.event_id: WebhookEvent(
            provider=provider, event_id=item.event_id, type=item.type[:100], payload=item.payload
        )
        for item in received
    }
    WebhookEvent.objects.bulk_create(rows.values(), ignore_conflicts=True)
    ids = [row.pk for row in rows.values()]
    new = list(WebhookEvent.objects.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
    publish_all(event(pk) for pk in new)
    return len(new)


def mark_processed(*, webhook_event_id: UUID, outcome: str) -> None:
    """Store that the event was processed. ``outcome`` is a few words without personal data."""
    WebhookEvent.objects.filter(pk=webhook_event_id).update(processed_at=timezone.now(), outcome=outcome[:200])


def note_failed(*, webhook_event_id: UUID, outcome: str) -> None:
    """Store why the event cannot be processed now; a person has to look. ``outcome`` as in ``mark_processed``."""
    WebhookEvent.objects.filter(pk=webhook_event_id, processed_at=None).update(outcome=outcome[:200])
