from __future__ import annotations

import datetime as dt

import pytest

from charges import queries
from charges.models import ChargeAttempt
from charges.operations import attempts
from charges.operations.payments import settlement
from charges.operations.payments.new_payment_method import (
    replace_payment_method,
)
from integrations.stripe.results import Decline
from tests.support.days import NOW, Days
from tests.support.deliveries import published
from tests.support.dunning import attempts_of, intent_statuses, reloaded, step_statuses
from tests.support.factories import (
    HARD,
    SOFT,
    charge_of,
    dunning_run_of,
    paid_before,
    place_renewal,
    unpaid,
)
from tests.support.subscriptions import status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_soft_decline_is_attempted_again_by_the_schedule_until_it_is_exhausted(days: Days) -> None:
    order = unpaid(days)
    assert reloaded(order).subscription.status == "past_due"

    days.pass_(days=60)

    assert attempts_of(order) == [("declined", 0), ("declined", 2), ("declined", 7), ("declined", 14), ("declined", 21)]
    assert step_statuses(order) == ["attempted"] * 4
    assert dunning_run_of(order).status == "exhausted"
    assert (reloaded(order).status, reloaded(order).subscription.status) == ("canceled", "canceled")
    assert status_and_reason(order.subscription) == ("canceled", "unpaid")
    assert intent_statuses(days, order) == ["canceled"], "nobody can pay by it any more"
    assert charge_of(order).status == "canceled"
    counts = published()
    assert (counts["PaymentFailed"], counts["DunningExhausted"], counts["PaymentReminderDue"]) == (5, 1, 0)
    assert not days.dead


def test_after_a_failed_new_card_the_schedule_continues_a_day_later_at_the_earliest(days: Days) -> None:
    order = unpaid(days, HARD)
    days.pass_(days=6, hours=12)
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)

    days.pass_(days=60)

    # Day 7 would be half a day after the customer's own try.
    assert [day for _, day in attempts_of(order)] == [0, 6.5, 7.5, 14.5, 21.5]
    assert step_statuses(order) == ["reminded", "attempted", "attempted", "attempted"]


def test_after_our_outage_there_is_one_attempt_and_no_burst(days: Days) -> None:
    order = unpaid(days)
    days.sleep(days=40)

    days.pass_(hours=1)
    assert [day for _, day in attempts_of(order)] == [0, 40]
    days.pass_(days=60)
    assert [day for _, day in attempts_of(order)] == [0, 40, 45, 52, 59]


def test_the_card_network_may_demand_a_longer_wait(days: Days) -> None:
    order = unpaid(days)
    ChargeAttempt.objects.filter(charge__order=order).update(network_advice_code="28", advice_code="")

    days.pass_(days=10)

    assert [day for _, day in attempts_of(order)] == [0, 6]


def test_the_message_names_the_actual_day_of_the_next_attempt(days: Days) -> None:
    order = place_renewal(paid_before(days), payment_method=SOFT)
    charge = attempts.open_charge(order_id=order.pk)
    assert charge is not None
    attempts.claim(charge_id=charge.pk, task_id="", at=days.now)
    in_six_days = Decline(code="card_declined", decline_code="insufficient_funds", network_advice_code="28")
    settlement.settle_decline(charge_id=charge.pk, decline=in_six_days, at=days.now)

    announced = queries.next_attempt_at(order_id=order.pk)
    assert announced == NOW + dt.timedelta(days=6)
    days.pass_(days=6)
    assert [day for _, day in attempts_of(order)] == [0, 6]


def test_the_message_names_a_postponed_attempt_after_a_new_card(days: Days) -> None:
    order = unpaid(days, HARD)
    days.pass_(days=6, hours=12)
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.settle()
    assert queries.next_attempt_at(order_id=order.pk) == NOW + dt.timedelta(days=7, hours=12)


def test_a_step_that_fails_by_our_fault_is_not_counted(days: Days) -> None:
    order = unpaid(days)
    days.sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "error", "status": 400, "times": 1})
    days.pass_(days=2)
    assert attempts_of(order)[-1][0] == "rejected"
    assert days.dead == [("charges.capture_payment", "InvalidRequest")]
    days.pass_(days=60)
    assert [day for _, day in attempts_of(order)] == [0, 2, 3, 8, 15, 22]
    assert reloaded(order).status == "canceled"


def test_a_permanent_fault_ends_the_run_some_day(days: Days) -> None:
    order = unpaid(days)
    days.sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "error", "status": 400})
    days.pass_(days=60)
    # A week of our own faults is one step of the schedule (2, 5, 7, 7 days).
    assert [day for _, day in attempts_of(order)] == [0, *range(2, 9), *range(13, 20), *range(26, 33), *range(39, 46)]
    assert (dunning_run_of(order).status, reloaded(order).status) == ("exhausted", "canceled")
    assert published()["PaymentFailed"] == 1
