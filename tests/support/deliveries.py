"""The work of the queues in tests: one delivery of a message, or as many as the retry ladder would make."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.db.models import F

from charges.operations.payments.capture import capture_payment
from charges.operations.refunds.creation import make_refund
from integrations.errors import PermanentError
from integrations.outbox.models import OutboxMessage
from tests.support.days import IMMEDIATELY, NOW


def capture(order: Any, *, at: dt.datetime | None = None) -> None:
    """One delivery of the capture message."""
    capture_payment(order_id=order.pk, at=at or NOW, task_id=str(uuid.uuid4()))


def capture_by_ladder(order: Any, *, times: int = 4, at: dt.datetime | None = None) -> list[str]:
    """Deliver the capture message as the ladder would. Returns the names of the errors on the way."""
    return by_ladder(lambda: capture(order, at=at), times=times)


def deliver_refund(refund: Any, *, at: dt.datetime = NOW) -> None:
    """One delivery of the refund's message."""
    make_refund(refund_id=refund.pk, at=at)


def deliver_refund_by_ladder(refund: Any, *, times: int = 4, at: dt.datetime = NOW) -> list[str]:
    """Deliver the refund's message as the ladder would. Returns the names of the errors on the way."""
    return by_ladder(lambda: deliver_refund(refund, at=at), times=times)


def start_fulfillments(*, order: Any = None) -> None:
    """The work of the OrdersQueue: one delivery of every message that starts a fulfillment, or only of this order's."""
    rows = OutboxMessage.objects.filter(task="orders.start_fulfillment")
    for row in rows.filter(subject_id=order.pk) if order else rows:
        current_app.tasks[row.task](**row.kwargs)


def by_ladder(deliver: Callable[[], None], *, times: int = 4) -> list[str]:
    """Deliver a message until it succeeds or fails permanently. Returns the names of the errors on the way.

    Fails the test if the message was delivered ``times`` times without either.
    """
    errors: list[str] = []
    for _ in range(times):
        try:
            deliver()
        except PermanentError as error:
            return [*errors, type(error).__name__]
        except Exception as error:
            errors.append(type(error).__name__)
        else:
            return errors
    pytest.fail(f"not done after {times} deliveries: {errors}")


def published() -> Counter[str]:
    """How many messages of each event are in the outbox, counted once for all its consumers.

    Messages that are due later, such as the steps of a dunning run, do not count.
    """
    immediate = OutboxMessage.objects.filter(
        not_before__range=(F("created_at") - IMMEDIATELY, F("created_at") + IMMEDIATELY)
    )
    rows = Counter(immediate.values_list("headers__event", "task"))
    counts: Counter[str] = Counter()
    for (event, task), number in rows.items():
        assert counts.get(event, number) == number, f"{event}: {task} differs from its other consumers"
        counts[event] = number
    return counts
