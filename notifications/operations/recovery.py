"""Find the work of this app that is stuck. ``integrations.outbox.recovery`` publishes it again."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.inbox.models import WebhookEvent
from integrations.inbox.recovery import stuck_events
from integrations.outbox.events import Event
from integrations.outbox.recovery import Finder, Window
from notifications.events import BrevoWebhookReceived


def brevo_events(window: Window) -> Sequence[Event]:
    """Stored events of Brevo that were not processed."""
    return stuck_events(
        provider=WebhookEvent.Provider.BREVO,
        task="brevo.process_webhook",
        event=lambda id: BrevoWebhookReceived(webhook_event_id=id),
        window=window,
    )


FINDERS: dict[str, Finder] = {"Brevo events": brevo_events}
