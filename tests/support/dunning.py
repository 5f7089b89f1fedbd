"""The state of an unpaid order and of its dunning run, as the tests of dunning compare it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from charges.models import Charge, ChargeAttempt, DunningStep
from tests.support.days import NOW, Days


def reloaded(order: Any) -> Any:
    return type(order).objects.select_related("subscription").get(pk=order.pk)


def attempts_of(order: Any) -> list[tuple[str, float]]:
    """The status of each attempt, and on which day after ``NOW`` it was made."""
    rows = ChargeAttempt.objects.filter(charge__order=order).order_by("number")
    return [(row.status, (row.started_at - NOW) / dt.timedelta(days=1)) for row in rows]


def step_statuses(order: Any) -> list[str]:
    return list(DunningStep.objects.filter(run__order=order).order_by("number").values_list("status", flat=True))


def intent_statuses(days: Days, order: Any) -> list[str]:
    """The statuses of the order's payment intents at Stripe. There should be one."""
    return [intent["status"] for intent in days.sandbox.intents() if intent["metadata"]["order"] == str(order.pk)]


def make_card_pay(order: Any) -> None:
    """From now on the bank accepts the order's card."""
    Charge.objects.filter(order=order).update(payment_method="pm_card_mastercard")
