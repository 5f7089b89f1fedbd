from __future__ import annotations

import datetime as dt
import io

from config.development import timeline_text
from config.development.screen import Screen
from config.development.timeline import FAILED, WAITING, Placed, Step, Timeline, in_order
from integrations.sqs.topology import QUEUES

BEGAN = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def after(milliseconds: float) -> dt.datetime:
    return BEGAN + dt.timedelta(milliseconds=milliseconds)


def timeline(
    *steps: Step, status: str = "fulfilled", goal: str = "fulfilled", webhook_expected: bool = False
) -> Timeline:
    placed = Placed(
        request_id="r",
        number="7K3M9-Q2XAB",
        plan="magazine-monthly",
        asked_at=BEGAN,
        answered_at=after(14),
        webhook_expected=webhook_expected,
    )
    return Timeline(placed=placed, status=status, goal=goal, steps=steps)


def rendered(*steps: Step) -> list[str]:
    return list(timeline_text.lines(timeline(*steps), Screen(io.StringIO())))


def test_a_line_per_step_in_columns() -> None:
    assert rendered(
        Step(at=after(14.4), what="201 Created", result="order 7K3M9-Q2XAB"),
        Step(at=after(180), what="charges.capture_payment", result="done", queue="ChargesQueue", event="OrderPlaced"),
        Step(
            at=after(1234),
            what="sms.order_paid",
            result="failed: no",
            queue="SmsQueue",
            event="OrderPaid",
            state=FAILED,
        ),
        Step(at=None, what="orders.start_fulfillment", result="on its way", queue="OrdersQueue", state=WAITING),
    ) == [
        "      ms  queue            step                      event        result",
        "      14                   201 Created                            order 7K3M9-Q2XAB",
        "     180  ChargesQueue   ✓ charges.capture_payment   OrderPlaced  done",
        "    1234  SmsQueue       ✗ sms.order_paid            OrderPaid    failed: no",
        "       …  OrdersQueue    … orders.start_fulfillment               on its way",
    ]


def test_without_a_terminal_there_is_no_color() -> None:
    assert "\033" not in "".join(rendered(Step(at=BEGAN, what="a", result="b", queue="c", event="d")))


def test_every_queues_name_fits_its_column() -> None:
    assert max(len(queue.name) for queue in QUEUES) <= timeline_text.QUEUE_WIDTH


def test_what_has_not_happened_stands_last() -> None:
    late, early, never = (Step(at=at, what="", result="") for at in (after(2), after(1), None))

    assert in_order([never, late, early]) == [early, late, never]


def test_what_is_missing_is_named() -> None:
    steps = [Step(at=BEGAN, what="t", result="done", queue=queue.name) for queue in QUEUES if queue.name != "DixaQueue"]
    waiting = Step(at=None, what="sms.order_paid", result="on its way", queue="SmsQueue", state=WAITING)

    seen = timeline(*steps, waiting, status="paid", webhook_expected=True)

    assert seen.missing == [
        "sms.order_paid (SmsQueue)",
        "a task on DixaQueue",
        "order fulfilled (it is paid)",
        "Stripe's webhook",
    ]


def test_nothing_is_missing_at_the_end_of_the_road() -> None:
    steps = [Step(at=BEGAN, what="t", result="done", queue=queue.name) for queue in QUEUES]
    webhook = Step(at=BEGAN, what="Stripe webhook", result="payment_intent.succeeded")

    assert timeline(*steps, webhook, webhook_expected=True).missing == []
    assert timeline(*steps, webhook, status="paid", goal="paid").missing == []
