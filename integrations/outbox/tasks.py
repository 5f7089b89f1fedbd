"""The periodic jobs of the outbox and of Celery's results, on the OrdersQueue."""

from __future__ import annotations

from celery import current_app
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


@task(name="outbox.purge_task_results", queue=ORDERS)
def purge_task_results(**_: object) -> None:
    """Delete results older than ``result_expires``."""
    current_app.backend.cleanup()
