"""The timeline of a checkout as lines of text."""

from __future__ import annotations

import datetime as dt
import io

from config.desk.timeline import FAILED, WAITING, Step
from config.development import timeline_text
from config.development.checkout_progress import Placed, Progress
from config.development.screen import Screen
from integrations.sqs.topology import QUEUES

BEGAN = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def after(milliseconds: float) -> dt.datetime:
    return BEGAN + dt.timedelta(milliseconds=milliseconds)


def progress(*steps: Step) -> Progress:
    placed = Placed(
        request_id="r",
        number="7K3M9-Q2XAB",
        plan="magazine-monthly",
        requested_at=BEGAN,
        answered_at=after(14),
        webhook_expected=False,
    )
    return Progress(placed=placed, status="fulfilled", goal="fulfilled", steps=steps)


def rendered(*steps: Step) -> list[str]:
    return list(timeline_text.lines(progress(*steps), Screen(io.StringIO())))


def test_each_step_is_a_line_in_columns() -> None:
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


def test_every_queue_name_fits_its_column() -> None:
    assert max(len(queue.name) for queue in QUEUES) <= timeline_text.QUEUE_WIDTH
