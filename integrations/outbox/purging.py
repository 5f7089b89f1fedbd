"""Delete messages that were sent some time ago."""

from __future__ import annotations

import datetime as dt

from django.conf import settings

from integrations.outbox.models import OutboxMessage
from integrations.purging import delete_in_batches


def purge_sent(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete the messages that were sent ``OUTBOX_RETENTION_HOURS`` before ``at`` or earlier; return their number."""
    limit = at - dt.timedelta(hours=settings.OUTBOX_RETENTION_HOURS)
    return delete_in_batches(OutboxMessage.objects.filter(sent_at__lte=limit), batch=batch)
