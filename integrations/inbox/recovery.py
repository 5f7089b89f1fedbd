"""Find stored events that are stuck. The apps register it with ``integrations.outbox.recovery``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from django.db.models import Exists

from integrations.inbox.models import WebhookEvent
from integrations.outbox.events import Event
from integrations.outbox.queries import live_messages
from integrations.outbox.recovery import Window


def stuck_events(*, provider: str, task: str, event: Callable[[UUID], Event], window: Window) -> Sequence[Event]:
    """For each unprocessed event of this provider, the ``event`` that has ``task`` process it.

    Events with an outcome are left out: a person has to look at them.
    """
    waiting = (
        WebhookEvent.objects.filter(
            ~Exists(live_messages(task=task, about="pk", sent_since=window.stuck)),
            provider=provider,
            processed_at=None,
            outcome="",
            received_at__range=(window.given_up, window.stuck),
        )
        .order_by("received_at")
        .values_list("pk", flat=True)
    )
    return [event(pk) for pk in waiting[: window.batch]]
