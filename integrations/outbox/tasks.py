"""The outbox's own periodic jobs, on the OrdersQueue."""

from __future__ import annotations

from django.utils import timezone

from integrations.outbox import recovery
from integrations.sqs.tasks import task
from integrations.sqs.topology import ORDERS


@task(name="outbox.sweep", queue=ORDERS)
def sweep(**_: object) -> None:
    recovery.sweep(at=timezone.now())
