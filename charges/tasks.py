"""ChargesQueue."""

from __future__ import annotations

from uuid import UUID

from celery import current_task
from django.utils import timezone

from charges.events import StripeWebhookReceived
from charges.operations import capture, ledger, stripe_events
from integrations.outbox.events import consumes
from integrations.patience import patiently
from integrations.sqs.tasks import task
from integrations.sqs.topology import CHARGES
from orders.events import OrderPlaced


@consumes(OrderPlaced, name="charges.capture_payment", queue=CHARGES)
def capture_payment(*, order_id: UUID, **_: object) -> None:
    task_id = current_task.request.id if current_task else None
    patiently(lambda: capture.capture_payment(order_id=order_id, at=timezone.now(), task_id=task_id or ""))


@consumes(StripeWebhookReceived, name="charges.process_webhook", queue=CHARGES)
def process_webhook(*, webhook_event_id: UUID, **_: object) -> None:
    patiently(lambda: stripe_events.process_stripe_event(webhook_event_id=webhook_event_id, at=timezone.now()))


@task(name="charges.check_ledger", queue=CHARGES)
def check_ledger(**_: object) -> None:
    """A finding is a line in the log, not a failure of this task: trying again would only find it again."""
    ledger.report_broken()
