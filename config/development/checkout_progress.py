"""How far a development checkout has come: the timeline of its order, and what is still missing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from config.desk import timeline
from config.desk.timeline import FAILED, WAITING, Step
from integrations.sqs.topology import QUEUES
from orders.models import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A checkout that the shop answered with 201: its request id, its order number, and when."""

    request_id: str
    number: str
    plan: str
    requested_at: dt.datetime
    answered_at: dt.datetime
    webhook_expected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The steps of the order so far. ``goal`` is the status that the order has at the end."""

    placed: Placed
    status: str
    goal: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.steps if step.state == FAILED]

    @property
    def missing(self) -> list[str]:
        """The names of the things that have not happened yet."""
        waiting = [f"{step.what} ({step.queue})" for step in self.steps if step.state == WAITING]
        seen = {step.queue for step in self.steps}
        silent = [f"a task on {queue.name}" for queue in QUEUES if queue.name not in seen]
        unfulfilled = [] if self.status == self.goal else [f"order {self.goal} (it is {self.status})"]
        arrived = any(step.what.startswith("Stripe webhook") for step in self.steps)
        webhook = ["Stripe's webhook"] if self.placed.webhook_expected and not arrived else []
        return [*waiting, *silent, *unfulfilled, *webhook]


def progress_of(placed: Placed) -> Progress:
    """Read how far the checkout has come."""
    order = Order.objects.select_related("customer", "subscription__plan").get(number=placed.number)
    steps = timeline.in_order(
        [
            Step(
                at=placed.requested_at,
                what="POST /api/v1/checkout/",
                result=f"{placed.plan} for {order.customer.email}",
            ),
            Step(at=placed.answered_at, what="201 Created", result=f"order {order.number}"),
            *timeline.order_timeline(order=order, request_id=placed.request_id, since=placed.requested_at),
        ]
    )
    # Staff fulfill orders that are shipped, so a checkout of one ends at paid.
    goal = Order.Status.FULFILLED if order.subscription.plan.is_digital else Order.Status.PAID
    return Progress(placed=placed, status=order.status, goal=goal, steps=tuple(steps))
