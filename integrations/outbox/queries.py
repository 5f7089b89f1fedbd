"""Read which messages are on their way."""

from __future__ import annotations

import datetime as dt

from django.db.models import OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce

from integrations.outbox.models import OutboxMessage

NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


def live_messages(*, task: str, about: str, sent_since: dt.datetime | OuterRef) -> QuerySet[OutboxMessage]:
    """The messages to ``task`` about an outer row that wait to be sent, or were sent at ``sent_since`` or later.

    Use it in ``Exists``. ``about`` is the outer query's path to the id of the messages' subject.
    """
    # Not "unsent, or sent since": PostgreSQL would then read all such rows by the relay's indexes, for each outer row.
    sent_or_never = Coalesce("sent_at", Value(NEVER))
    return OutboxMessage.objects.alias(sent_or_never=sent_or_never).filter(
        sent_or_never__gte=sent_since, task=task, subject_id=OuterRef(about)
    )
