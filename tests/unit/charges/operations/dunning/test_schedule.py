"""When the next step of a dunning run is due, and how many steps it has used."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep
from charges.operations.dunning import schedule
from integrations.outbox.models import OutboxMessage
from tests.support.days import NOW
from tests.support.factories import make_attempt, make_charge, make_dunning_run, place_order

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def charge() -> Charge:
    """A failed charge whose last attempt was two days before ``NOW``."""
    charge = make_charge(place_order(status="payment_failed"), status="failed")
    make_attempt(charge, status="declined", code="card_declined", started_at=NOW - 2 * DAY)
    return charge


@pytest.fixture
def run(charge: Charge) -> DunningRun:
    return make_dunning_run(charge.order)


def add_step(run: DunningRun, status: str, /, **attempt: Any) -> DunningStep:
    """A step that was taken or dropped. ``attempt``: the fields of the attempt that it made."""
    made = {}
    if status == "attempted":
        charge = Charge.objects.get(order=run.order_id)
        made = {"attempt": make_attempt(charge, **{"status": "declined", "started_at": NOW - 2 * DAY, **attempt})}
    return run.steps.create(number=run.steps.count() + 1, status=status, due_at=NOW, done_at=NOW, **made)


def planned() -> list[tuple[int, dt.datetime]]:
    """Number and time of the planned steps."""
    return list(DunningStep.objects.filter(status="planned").values_list("number", "due_at"))


def messages() -> list[tuple[int, dt.datetime]]:
    rows = OutboxMessage.objects.filter(task="charges.take_dunning_step").order_by("pk")
    return [(row.kwargs["step_number"], row.not_before) for row in rows]


OUR_FAULT = {"status": "rejected", "code": "parameter_unknown"}


@pytest.mark.parametrize(("taken", "days"), [(0, 2), (1, 5), (2, 7)])
def test_the_next_step_is_due_by_the_schedule_and_its_message_waits_until_then(
    charge: Charge, run: DunningRun, taken: int, days: int
) -> None:
    for _ in range(taken):
        add_step(run, "reminded")
    schedule.plan_next(run=run, charge=charge, at=NOW)
    assert planned() == messages() == [(taken + 1, NOW + days * DAY)]


def test_after_the_last_step_the_run_is_exhausted(charge: Charge, run: DunningRun) -> None:
    for _ in range(3):
        add_step(run, "reminded")
    with transaction.atomic():
        schedule.plan_next(run=run, charge=charge, at=NOW)
    run.refresh_from_db()
    assert (run.status, planned()) == ("exhausted", [])


def test_a_step_is_never_due_within_a_day_of_the_last_attempt(charge: Charge, run: DunningRun) -> None:
    make_attempt(charge, status="declined", code="card_declined", started_at=NOW + 1.5 * DAY)
    schedule.plan_next(run=run, charge=charge, at=NOW)
    assert planned() == [(1, NOW + 2.5 * DAY)]


def test_a_postponed_step_gets_a_message_for_its_new_time(charge: Charge, run: DunningRun) -> None:
    schedule.plan_next(run=run, charge=charge, at=NOW)
    schedule.postpone(run.steps.get(), charge.order, to=NOW + 3 * DAY)
    assert planned() == [(1, NOW + 3 * DAY)]
    assert messages() == [(1, NOW + 2 * DAY), (1, NOW + 3 * DAY)]


class TestEarliestAttempt:
    def test_at_once_if_there_was_no_attempt(self) -> None:
        assert schedule.earliest_attempt(make_charge(), at=NOW) == NOW

    def test_a_day_after_the_last_attempt(self, charge: Charge) -> None:
        assert schedule.earliest_attempt(charge, at=NOW) == NOW - DAY

    @pytest.mark.parametrize("status", ["pending", "processing"])
    def test_a_day_from_now_while_an_attempt_is_under_way(self, charge: Charge, status: str) -> None:
        charge.status = status
        assert schedule.earliest_attempt(charge, at=NOW) == NOW + DAY

    def test_later_if_the_card_network_says_so(self, charge: Charge) -> None:
        codes = {"code": "card_declined", "advice_code": "try_again_later", "network_advice_code": "27"}
        make_attempt(charge, status="declined", started_at=NOW, **codes)
        assert schedule.earliest_attempt(charge, at=NOW) == NOW + 4 * DAY


class TestStepsUsed:
    def test_attempts_and_reminders_count_and_dropped_steps_do_not(self, run: DunningRun) -> None:
        for status in ("attempted", "dropped", "reminded"):
            add_step(run, status)
        assert schedule.steps_used(run) == 2

    @pytest.mark.parametrize(("faults", "used"), [(1, 0), (6, 0), (7, 1), (13, 1), (14, 2)])
    def test_seven_own_faults_in_a_row_are_one_step(self, run: DunningRun, faults: int, used: int) -> None:
        for _ in range(faults):
            add_step(run, "attempted", **OUR_FAULT)
        assert schedule.steps_used(run) == used

    def test_faults_with_a_decline_between_them_are_two_rows(self, run: DunningRun) -> None:
        for _ in range(2):
            for _ in range(6):
                add_step(run, "attempted", **OUR_FAULT)
            add_step(run, "attempted", code="card_declined")
        assert schedule.steps_used(run) == 2

    @pytest.mark.parametrize(("confirmed_at", "used"), [(None, 0), (NOW, 1)])
    def test_an_attempt_that_was_canceled_before_it_was_confirmed_does_not_count(
        self, run: DunningRun, confirmed_at: dt.datetime | None, used: int
    ) -> None:
        add_step(run, "attempted", status="canceled", confirmed_at=confirmed_at)
        assert schedule.steps_used(run) == used


@pytest.mark.parametrize(("faults", "wait"), [(1, DAY), (6, DAY), (7, 5 * DAY), (8, DAY)])
def test_after_an_own_fault_the_next_step_is_tomorrow_and_after_a_week_by_the_schedule(
    charge: Charge, run: DunningRun, faults: int, wait: dt.timedelta
) -> None:
    for _ in range(faults):
        add_step(run, "attempted", **OUR_FAULT)
    schedule.plan_after_our_fault(run=run, charge=charge, at=NOW)
    assert planned() == [(faults + 1, NOW + wait)]
    assert ChargeAttempt.objects.count() == faults + 1
