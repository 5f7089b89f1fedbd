from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BrevoWebhookReceived(Event):
    """A webhook event of Brevo is stored in the inbox and has to be processed."""

    subject_field: ClassVar[str] = "webhook_event_id"

    webhook_event_id: UUID
