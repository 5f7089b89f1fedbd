"""A planned step charges again or reminds, once and not before its time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep
from charges.operations.dunning.steps import take_step
from orders.models import Order
from subscriptions.models import Subscription
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import make_attempt, make_charge, make_dunning_run, place_order

DAY = dt.timedelta(days=1)
SOFT_DECLINE = {"code": "card_declined", "decline_code": "insufficient_funds"}
HARD_DECLINE = {"code": "card_declined", "decline_code": "lost_card"}


def failed(*, schedule: list[int] | None = None, started_at: dt.datetime = NOW - 2 * DAY, **decline: Any) -> Charge:
    """A declined charge with an active run, whose first step is due ``NOW``."""
    charge = make_charge(place_order(status="payment_failed"), status="failed")
    make_attempt(charge, status="declined", started_at=started_at, **(decline or SOFT_DECLINE))
    make_dunning_run(charge.order, schedule=schedule or [2, 5, 7]).steps.create(number=1, due_at=NOW)
    return charge


def take(charge: Charge, *, at: dt.datetime = NOW) -> None:
    take_step(order_id=charge.order_id, step_number=1, at=at, task_id="task-1")


def steps() -> list[tuple[str, dt.datetime]]:
    return list(DunningStep.objects.order_by("number").values_list("status", "due_at"))


def test_after_a_soft_decline_the_card_is_charged_again(db: None) -> None:
    charge = failed()
    take(charge)
    charge.refresh_from_db()
    attempt = charge.attempts.get(number=2)
    assert (attempt.status, attempt.trigger, attempt.task_id) == ("started", "dunning", "task-1")
    assert (charge.status, steps(), DunningStep.objects.get().attempt) == ("pending", [("attempted", NOW)], attempt)
    assert published() == {"PaymentDue": 1}


def test_after_a_hard_decline_the_customer_is_reminded_and_the_next_step_planned(db: None) -> None:
    charge = failed(**HARD_DECLINE)
    take(charge)
    charge.refresh_from_db()
    assert (charge.status, charge.attempts.count()) == ("failed", 1)
    assert steps() == [("reminded", NOW), ("planned", NOW + 5 * DAY)]
    assert published() == {"PaymentReminderDue": 1}


def test_the_last_step_ends_the_run_instead_of_a_reminder(db: None) -> None:
    charge = failed(schedule=[2], **HARD_DECLINE)
    take(charge)
    assert (DunningRun.objects.get().status, steps()) == ("exhausted", [("dropped", NOW)])
    assert published()["PaymentReminderDue"] == 0


def test_a_step_is_not_taken_before_its_time(db: None) -> None:
    charge = failed()
    take(charge, at=NOW - dt.timedelta(seconds=1))
    assert (steps(), published()) == ([("planned", NOW)], {})


def test_a_second_delivery_changes_nothing(db: None) -> None:
    charge = failed()
    take(charge)
    take(charge)
    assert (ChargeAttempt.objects.count(), published()) == (2, {"PaymentDue": 1})


@pytest.mark.django_db(transaction=True)
def test_concurrent_deliveries_make_one_attempt() -> None:
    charge = failed()
    assert at_once(lambda: take(charge), times=3) == [None] * 3
    assert (ChargeAttempt.objects.count(), published()) == (2, {"PaymentDue": 1})


def test_a_step_is_postponed_until_a_day_after_the_last_attempt(db: None) -> None:
    charge = failed(started_at=NOW - DAY / 2)
    take(charge)
    assert (steps(), ChargeAttempt.objects.count()) == ([("planned", NOW + DAY / 2)], 1)


@pytest.mark.parametrize(("order", "subscription"), [("canceled", "active"), ("payment_failed", "canceled")])
def test_the_run_stops_if_the_order_cannot_be_paid_any_more(db: None, order: str, subscription: str) -> None:
    charge = failed()
    Order.objects.update(status=order, canceled_at=NOW)
    Subscription.objects.update(status=subscription, canceled_at=NOW, renews_at=None)
    take(charge)
    run = DunningRun.objects.get()
    assert (run.status, run.reason, steps()) == ("stopped", "order_not_payable", [("dropped", NOW)])
    assert (ChargeAttempt.objects.count(), published()) == (1, {})
