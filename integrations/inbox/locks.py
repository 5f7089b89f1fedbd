"""The row locks of the inbox."""

from __future__ import annotations

from uuid import UUID

from integrations.inbox.models import WebhookEvent
from integrations.inbox.queries import only_event


def locked_webhook_event(*, webhook_event_id: UUID, provider: str) -> WebhookEvent:
    """The stored event, locked until the transaction ends. Raises ``WebhookEventNotFound``."""
    return only_event(
        WebhookEvent.objects.select_for_update(), webhook_event_id=webhook_event_id, provider=provider
    )
