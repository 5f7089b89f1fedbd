"""The periodic jobs of the outbox, on the OrdersQueue."""

from __future__ import annotations

from django.utils import timezone

from integrations.outbox import purging, recovery
from integrations.sqs.tasks import task
from integrations.sqs.topology import ORDERS


@task(name="outbox.sweep", queue=ORDERS)
def sweep(**_: object) -> None:
    recovery.sweep(at=timezone.now())


@task(name="outbox.purge_messages", queue=ORDERS)
def purge_messages(**_: object) -> None:
    purging.purge_sent(at=timezone.now())
