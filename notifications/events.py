from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BrevoWebhookReceived(Event):
    """Something that Brevo told us is stored in the inbox and waits to be dealt with."""

    subject_field: ClassVar[str] = "webhook_event_id"

    webhook_event_id: UUID
