"""The inbox's periodic job, on the OrdersQueue."""

from __future__ import annotations

from django.utils import timezone

from integrations.inbox import purging
from integrations.sqs.tasks import task
from integrations.sqs.topology import ORDERS


@task(name="inbox.purge_webhook_events", queue=ORDERS)
def purge_webhook_events(**_: object) -> None:
    purging.purge_processed(at=timezone.now())
