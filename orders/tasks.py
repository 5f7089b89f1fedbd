"""OrdersQueue."""

from __future__ import annotations

from uuid import UUID

from celery import current_app
from django.utils import timezone

from integrations.outbox.events import consumes
from integrations.sqs.tasks import task
from integrations.sqs.topology import ORDERS
from orders.events import OrderPaid
from orders.operations import checkout, fulfilment


@consumes(OrderPaid, name="orders.start_fulfilment", queue=ORDERS)
def start_fulfilment(*, order_id: UUID, **_: object) -> None:
    fulfilment.start_fulfilment(order_id=order_id, at=timezone.now())


@task(name="orders.purge_idempotency_keys", queue=ORDERS)
def purge_idempotency_keys(**_: object) -> None:
    checkout.purge_answers(at=timezone.now())


@task(name="orders.purge_task_results", queue=ORDERS)
def purge_task_results(**_: object) -> None:
    """Delete results older than ``result_expires``."""
    current_app.backend.cleanup()
