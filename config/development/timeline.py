"""What became of one checkout: its steps in order of time, from the rows that they left in the database."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django_celery_results.models import TaskResult

from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from integrations.sqs.topology import QUEUES
from orders.models import Order

DONE, WAITING, FAILED = "done", "waiting", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the timeline. ``at`` is None while it has not happened; ``queue`` is empty for what is no task."""

    at: dt.datetime | None
    what: str
    result: str
    queue: str = ""
    event: str = ""
    state: str = DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A checkout that was answered 201, and when: what its timeline begins with."""

    request_id: str
    number: str
    plan: str
    asked_at: dt.datetime
    answered_at: dt.datetime
    webhook_expected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The steps of one order so far. ``goal`` is the status at which its road ends."""

    placed: Placed
    status: str
    goal: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.steps if step.state == FAILED]

    @property
    def missing(self) -> list[str]:
        """What has to happen still before the road is at its end."""
        waiting = [f"{step.what} ({step.queue})" for step in self.steps if step.state == WAITING]
        seen = {step.queue for step in self.steps}
        silent = [f"a task on {queue.name}" for queue in QUEUES if queue.name not in seen]
        unfulfilled = [] if self.status == self.goal else [f"order {self.goal} (it is {self.status})"]
        webhook = [] if any(step.what.startswith("Stripe webhook") for step in self.steps) else ["Stripe's webhook"]
        return [*waiting, *silent, *unfulfilled, *webhook]


def look(placed: Placed) -> Timeline:
    """Read what has happened up to now."""
    order = Order.objects.select_related("customer", "charge", "subscription__plan").get(number=placed.number)
    webhooks = _webhooks_about(order, since=placed.asked_at)
    messages = _messages(placed.request_id, webhooks)
    results = TaskResult.objects.in_bulk([str(message.pk) for message in messages], field_name="task_id")
    steps = [
        Step(
            at=placed.asked_at,
            what="POST /api/v1/checkout/",
            result=f"{placed.plan} for {order.customer.email}",
        ),
        Step(at=placed.answered_at, what="201 Created", result=f"order {order.number}"),
        *(_task_step(message, results.get(str(message.pk)), webhooks) for message in messages),
        *(_webhook_step(webhook) for webhook in webhooks),
        *_order_steps(order, messages),
    ]
    # What is shipped is fulfilled by people.
    goal = Order.Status.FULFILLED if order.subscription.plan.is_digital else Order.Status.PAID
    return Timeline(placed=placed, status=order.status, goal=goal, steps=tuple(in_order(steps)))


def in_order(steps: Iterable[Step]) -> list[Step]:
    """By time, what has not happened last."""
    return sorted(steps, key=lambda step: (step.at is None, step.at or dt.datetime.min.replace(tzinfo=dt.UTC)))


def _messages(request_id: str, webhooks: Sequence[WebhookEvent]) -> list[OutboxMessage]:
    """The request's own messages, and those of the webhooks that it led to."""
    ids = [str(webhook.pk) for webhook in webhooks]
    announced = OutboxMessage.objects.filter(kwargs__webhook_event_id__in=ids)
    requests = {request_id, *(row.headers.get("request_id", request_id) for row in announced)}
    return list(OutboxMessage.objects.filter(Q(headers__request_id__in=requests) | Q(pk__in=announced)))


def _webhooks_about(order: Order, *, since: dt.datetime) -> list[WebhookEvent]:
    """What providers told us since then that names this order, its payment or its customer's address."""
    charge = getattr(order, "charge", None)
    names = [str(order.pk), order.number, order.customer.email]
    if charge is not None:
        names += [str(charge.pk), *([charge.payment_intent_id] if charge.payment_intent_id else [])]
    received = WebhookEvent.objects.filter(received_at__gte=since)
    return [event for event in received if any(name in json.dumps(event.payload) for name in names)]


def _task_step(message: OutboxMessage, result: TaskResult | None, webhooks: Sequence[WebhookEvent]) -> Step:
    types = {str(webhook.pk): webhook.type for webhook in webhooks}
    event = types.get(message.kwargs.get("webhook_event_id", ""), message.headers.get("event", ""))
    said: dict[str, Any] = {"what": message.task, "queue": message.queue, "event": event}
    if result is None:
        return Step(at=None, state=WAITING, result="on its way" if message.sent_at else "not sent yet", **said)
    if result.status == "SUCCESS":
        return Step(at=result.date_done, result="done", **said)
    if result.status == "RETRY":
        return Step(at=result.date_done, state=WAITING, result=f"to be tried again: {_reason(result)}", **said)
    return Step(at=result.date_done, state=FAILED, result=f"failed: {_reason(result)}", **said)


def _reason(result: TaskResult) -> str:
    """The exception's name and the first line of what it says."""
    try:
        error = json.loads(result.result or "{}")
        message = error["exc_message"]
        said = " ".join(map(str, message)) if isinstance(message, list) else str(message)
        text = f"{error['exc_type']}: {said}"
    except (ValueError, KeyError, TypeError):
        text = str(result.result)
    return text.strip().splitlines()[0][:120] if text.strip() else result.status


def _webhook_step(webhook: WebhookEvent) -> Step:
    provider = webhook.get_provider_display()
    return Step(at=webhook.received_at, what=f"{provider} webhook", result=webhook.type)


def _order_steps(order: Order, messages: Sequence[OutboxMessage]) -> list[Step]:
    # The settlement's own time: what it publishes bears it, while `paid_at` is when the task that settles began.
    settled = [message.created_at for message in messages if message.headers.get("event") == "OrderPaid"]
    times = {"order paid": min(settled, default=order.paid_at), "order fulfilled": order.fulfilled_at}
    steps = [Step(at=at, what=what, result=order.number) for what, at in times.items() if at is not None]
    if order.status in (Order.Status.PAYMENT_FAILED, Order.Status.REQUIRES_ACTION, Order.Status.CANCELED):
        steps.append(Step(at=order.updated_at, what=f"order {order.status}", result=order.number, state=FAILED))
    return steps
