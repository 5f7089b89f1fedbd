"""The timeline of an order, read from the rows that requests, tasks and webhooks left in the database."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django_celery_results.models import TaskResult

from charges.models import Charge
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from orders.models import Order

DONE, WAITING, FAILED = "done", "waiting", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a timeline. ``at`` is None if it has not happened yet; ``queue`` is empty if it is not a task."""

    at: dt.datetime | None
    what: str
    result: str
    queue: str = ""
    event: str = ""
    state: str = DONE


def order_timeline(*, order: Order, request_id: str, since: dt.datetime) -> list[Step]:
    """The steps of an order since the request that placed it, by time. Steps that have not happened yet come last.

    ``request_id`` is the id of that request. ``since`` limits the webhook events that are searched.
    """
    webhooks = _webhooks_about(order, since=since)
    messages = _messages(request_id, webhooks)
    results = TaskResult.objects.in_bulk([str(message.pk) for message in messages], field_name="task_id")
    return in_order(
        [
            *(_task_step(message, results.get(str(message.pk)), webhooks) for message in messages),
            *(_webhook_step(webhook) for webhook in webhooks),
            *_order_steps(order, messages),
        ]
    )


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Sort steps by time; steps that have not happened yet come last."""
    return sorted(steps, key=lambda step: (step.at is None, step.at or dt.datetime.min.replace(tzinfo=dt.UTC)))


def _messages(request_id: str, webhooks: Sequence[WebhookEvent]) -> list[OutboxMessage]:
    """The messages of the request itself, and those of the webhook events that it caused."""
    ids = [webhook.pk for webhook in webhooks]
    announced = OutboxMessage.objects.filter(subject_type="webhook_event", subject_id__in=ids)
    requests = {request_id, *(row.headers.get("request_id", request_id) for row in announced)}
    return list(OutboxMessage.objects.filter(Q(headers__request_id__in=requests) | Q(pk__in=announced)))


def _webhooks_about(order: Order, *, since: dt.datetime) -> list[WebhookEvent]:
    """The webhook events since then that name this order, its payment or its customer's e-mail address."""
    charge = Charge.objects.filter(order=order).first()
    names = [str(order.pk), order.number, order.customer.email]
    if charge is not None:
        names += [str(charge.pk), *([charge.payment_intent_id] if charge.payment_intent_id else [])]
    received = WebhookEvent.objects.filter(received_at__gte=since)
    return [event for event in received if any(name in json.dumps(event.payload) for name in names)]


def _task_step(message: OutboxMessage, result: TaskResult | None, webhooks: Sequence[WebhookEvent]) -> Step:
    types = {str(webhook.pk): webhook.type for webhook in webhooks}
    event = types.get(message.kwargs.get("webhook_event_id", ""), message.headers.get("event", ""))
    common: dict[str, Any] = {"what": message.task, "queue": message.queue, "event": event}
    if result is None:
        return Step(at=None, state=WAITING, result="on its way" if message.sent_at else "not sent yet", **common)
    if result.status == "SUCCESS":
        return Step(at=result.date_done, result="done", **common)
    if result.status == "RETRY":
        return Step(at=result.date_done, state=WAITING, result=f"will be retried: {_reason(result)}", **common)
    return Step(at=result.date_done, state=FAILED, result=f"failed: {_reason(result)}", **common)


def _reason(result: TaskResult) -> str:
    """The class of the exception and the first line of its message."""
    try:
        error = json.loads(result.result or "{}")
        message = error["exc_message"]
        words = " ".join(map(str, message)) if isinstance(message, list) else str(message)
        text = f"{error['exc_type']}: {words}"
    except (ValueError, KeyError, TypeError):
        text = str(result.result)
    return text.strip().splitlines()[0][:120] if text.strip() else result.status


def _webhook_step(webhook: WebhookEvent) -> Step:
    provider = webhook.get_provider_display()
    return Step(at=webhook.received_at, what=f"{provider} webhook", result=webhook.type)


def _order_steps(order: Order, messages: Sequence[OutboxMessage]) -> list[Step]:
    # The time of the settlement is the creation time of its event. `paid_at` is when the settling task began.
    settled = [message.created_at for message in messages if message.headers.get("event") == "OrderPaid"]
    times = {"order paid": min(settled, default=order.paid_at), "order fulfilled": order.fulfilled_at}
    steps = [Step(at=at, what=what, result=order.number) for what, at in times.items() if at is not None]
    if order.status in (Order.Status.PAYMENT_FAILED, Order.Status.REQUIRES_ACTION, Order.Status.CANCELED):
        steps.append(Step(at=order.updated_at, what=f"order {order.status}", result=order.number, state=FAILED))
    return steps
