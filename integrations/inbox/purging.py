"""Forgetting what a provider told us, once it is dealt with: it names people, their addresses and their cards."""

from __future__ import annotations

import datetime as dt

from integrations.inbox.models import WebhookEvent

# Stripe lists an event for 30 days. One that is forgotten sooner would be taken for one that we never heard of.
KEPT = dt.timedelta(days=35)


def purge_processed(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete the events that were dealt with 35 days ago or earlier, ``batch`` rows a statement; return how many went.

    What is not dealt with stays, however old: it waits for a person.
    """
    gone = 0
    while True:
        ids = WebhookEvent.objects.filter(processed_at__lte=at - KEPT).values("pk")[:batch]
        deleted, _ = WebhookEvent.objects.filter(pk__in=ids).delete()
        gone += deleted
        if deleted < batch:
            return gone
