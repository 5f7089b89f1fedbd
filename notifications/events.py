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


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymizationPending(Event):
    """Dixa has not anonymized the end user of an erased customer yet. It must be asked again."""

    subject_field: ClassVar[str] = "erasure_id"
    group_field: ClassVar[str] = "customer_id"

    erasure_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLogDeletionDue(Event):
    """The last e-mails to an erased customer were sent, so Brevo's log can be deleted."""

    subject_field: ClassVar[str] = "erasure_id"
    group_field: ClassVar[str] = "customer_id"

    erasure_id: UUID
    customer_id: UUID
