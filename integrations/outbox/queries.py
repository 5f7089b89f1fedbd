"""What the outbox knows of messages that are on their way."""

from __future__ import annotations

import datetime as dt

from django.db.models import OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce

from integrations.outbox.models import SUBJECT, OutboxMessage
from integrations.sqs.tasks import queue_for

NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


def live_messages(*, task: str, about: str, sent_since: dt.datetime | OuterRef) -> QuerySet[OutboxMessage]:
    """To be used in ``Exists``: the messages for ``task`` about the outer row's ``about`` (a path to a UUID) that wait
    to be sent, or were sent at ``sent_since`` or later.

    An index serves it where the task's queue is one that is swept: see ``OutboxMessage.Meta``.
    """
    # Not "unsent, or sent since": PostgreSQL would read all of those by the relay's indexes, again for each outer row.
    taken_as_sent = Coalesce("sent_at", Value(NEVER))
    return OutboxMessage.objects.alias(subject=SUBJECT, taken_as_sent=taken_as_sent).filter(
        taken_as_sent__gte=sent_since,
        task=task,
        queue=queue_for(task).name,
        subject=Cast(OuterRef(about), TextField()),
    )
