"""Delete processed events: they hold names, addresses and card data."""

from __future__ import annotations

import datetime as dt

from integrations.inbox.models import WebhookEvent
from integrations.purging import delete_in_batches

# Longer than the 30 days for which Stripe lists an event: the search for missed events would store a purged one again.
RETENTION = dt.timedelta(days=35)


def purge_processed(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete the events that were processed 35 days ago or earlier, ``batch`` rows per statement; return their number.

    Unprocessed events stay at any age: a person has to look at them.
    """
    return delete_in_batches(WebhookEvent.objects.filter(processed_at__lte=at - RETENTION), batch=batch)
