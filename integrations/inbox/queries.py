"""Read stored webhook events."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from integrations.errors import PermanentError
from integrations.inbox.models import WebhookEvent


class WebhookEventNotFound(PermanentError):
    """The inbox holds no such event of this provider."""


def webhook_event(*, webhook_event_id: UUID, provider: str) -> WebhookEvent:
    """The stored event. Raises ``WebhookEventNotFound``."""
    return only_event(WebhookEvent.objects.all(), webhook_event_id=webhook_event_id, provider=provider)


def only_event(events: QuerySet[WebhookEvent], *, webhook_event_id: UUID, provider: str) -> WebhookEvent:
    """The event among ``events``. Raises ``WebhookEventNotFound``."""
    found = events.filter(pk=webhook_event_id, provider=provider).first()
    if found is None:
        raise WebhookEventNotFound(f"There is no stored {provider} event {webhook_event_id}.")
    return found
