"""The missing steps of a development checkout are named."""

from __future__ import annotations

import datetime as dt

from config.desk.timeline import WAITING, Step
from config.development.checkout_progress import Placed, Progress
from integrations.sqs.topology import QUEUES

BEGAN = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
WEBHOOK = Step(at=BEGAN, what="Stripe webhook", result="payment_intent.succeeded")


def progress(
    *steps: Step, status: str = "fulfilled", goal: str = "fulfilled", webhook_expected: bool = True
) -> Progress:
    placed = Placed(
        request_id="r",
        number="7K3M9-Q2XAB",
        plan="magazine-monthly",
        requested_at=BEGAN,
        answered_at=BEGAN,
        webhook_expected=webhook_expected,
    )
    return Progress(placed=placed, status=status, goal=goal, steps=steps)


def done_on_every_queue(*, except_for: str = "") -> list[Step]:
    names = [queue.name for queue in QUEUES if queue.name != except_for]
    return [Step(at=BEGAN, what="t", result="done", queue=name) for name in names]


def test_each_missing_step_is_named() -> None:
    waiting = Step(at=None, what="sms.order_paid", result="on its way", queue="SmsQueue", state=WAITING)

    found = progress(*done_on_every_queue(except_for="DixaQueue"), waiting, status="paid")

    assert found.missing == [
        "sms.order_paid (SmsQueue)",
        "a task on DixaQueue",
        "order fulfilled (it is paid)",
        "Stripe's webhook",
    ]


def test_nothing_is_missing_when_the_order_has_reached_its_goal() -> None:
    assert progress(*done_on_every_queue(), WEBHOOK).missing == []
    assert progress(*done_on_every_queue(), WEBHOOK, status="paid", goal="paid").missing == []


def test_a_webhook_is_missing_only_if_it_is_expected() -> None:
    assert progress(*done_on_every_queue(), webhook_expected=False).missing == []
