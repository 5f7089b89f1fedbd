"""Find the work of this app that is stuck. ``integrations.outbox.recovery`` publishes it again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists

from integrations.inbox.models import WebhookEvent
from integrations.outbox.events import Event
from integrations.outbox.queries import live_messages
from integrations.outbox.recovery import Finder, Window
from notifications.events import BrevoWebhookReceived

PROCESS_WEBHOOK = "brevo.process_webhook"  # the task that does the work


def brevo_events(window: Window) -> Sequence[Event]:
    """Stored events of Brevo that were not processed."""
    waiting = (
        WebhookEvent.objects.filter(
            ~Exists(live_messages(task=PROCESS_WEBHOOK, about="pk", sent_since=window.stuck)),
            provider=WebhookEvent.Provider.BREVO,
            processed_at=None,
            outcome="",
            received_at__range=(window.given_up, window.stuck),
        )
        .order_by("received_at")
        .values_list("pk", flat=True)
    )
    return [BrevoWebhookReceived(webhook_event_id=pk) for pk in waiting[: window.batch]]


FINDERS: dict[str, Finder] = {"Brevo events": brevo_events}
