from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from django.db import transaction

from charges.models import ChargeAttempt, DunningStep, SavedPaymentMethod
from charges.operations import attempts
from charges.operations.dunning import steps as dunning_steps
from charges.operations.payments import reading
from charges.operations.payments.new_payment_method import (
    replace_payment_method,
)
from subscriptions.operations import subscriptions
from tests.support.concurrency import Died, dying
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, published
from tests.support.dunning import attempts_of, intent_statuses, make_card_pay, reloaded, step_statuses
from tests.support.factories import (
    HARD,
    SCA,
    SOFT,
    charge_of,
    dunning_run_of,
    unpaid,
)
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_step_is_a_new_attempt_at_the_same_intent(days: Days) -> None:
    order = unpaid(days)
    days.pass_(days=60)
    assert intent_statuses(days, order) == ["canceled"]
    attempts = ChargeAttempt.objects.filter(charge__order=order).order_by("number")
    assert [attempt.trigger for attempt in attempts] == ["order", *["dunning"] * 4]
    assert len({attempt.idempotency_key for attempt in attempts}) == 5
    linked = DunningStep.objects.filter(run__order=order).values_list("attempt__number", flat=True)
    assert sorted(linked) == [2, 3, 4, 5]


def test_a_successful_attempt_ends_the_dunning_and_the_past_due_status(days: Days) -> None:
    order = unpaid(days)
    days.pass_(days=3)
    make_card_pay(order)

    days.pass_(days=30)

    assert attempts_of(order)[-1] == ("succeeded", 7)
    assert step_statuses(order) == ["attempted", "attempted"]
    assert dunning_run_of(order).status == "recovered"
    assert (reloaded(order).status, reloaded(order).subscription.status) in {
        ("paid", "active"),
        ("fulfilled", "active"),
    }
    assert published()["OrderPaid"] == 1


@pytest.mark.parametrize("card", [HARD, SCA])
def test_if_only_the_customer_can_help_a_step_reminds_and_charges_nothing(days: Days, card: str) -> None:
    order = unpaid(days, card)

    days.pass_(days=60)

    assert len(attempts_of(order)) == 1
    assert step_statuses(order) == ["reminded", "reminded", "reminded", "dropped"]
    assert published()["PaymentReminderDue"] == 3
    assert dunning_run_of(order).status == "exhausted"
    assert (dunning_run_of(order).ended_at - NOW).days == 21
    assert reloaded(order).status == "canceled"


def test_a_decline_in_the_browser_does_not_replace_the_next_attempt(days: Days) -> None:
    order = unpaid(days)
    intent = charge_of(order).payment_intent_id
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SOFT).stripe_id
    days.pass_(days=1)
    days.sandbox.confirm_in_browser(intent, card)
    reading.read_payment_of(order_id=order.pk, at=days.now)
    asked = len(days.sandbox.requests(path="/confirm"))

    days.pass_(days=2)

    assert len(days.sandbox.requests(path="/confirm")) == asked + 1, "the bank is asked"
    assert [day for _, day in attempts_of(order)] == [0, 2]


def test_repeated_deliveries_never_cause_two_attempts_in_a_day(days: Days) -> None:
    order = unpaid(days)
    days.pass_(days=2)
    for hours in range(24):
        for number in (1, 2, 3):
            dunning_steps.take_step(order_id=order.pk, step_number=number, at=days.now)
        days.pass_(hours=0.9)
        assert len(attempts_of(order)) == 2, hours


def test_at_most_eight_attempts_in_all(days: Days, settings: Any) -> None:
    settings.DUNNING_SCHEDULE = (1,) * 8
    order = unpaid(days)
    for _ in range(3):
        days.pass_(days=1.2)
        replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
        days.settle()
    days.pass_(days=60)

    made = ChargeAttempt.objects.filter(charge__order=order)
    assert made.count() == 8
    assert Counter(step_statuses(order))["reminded"] > 0, "the rest of the schedule reminds"
    assert dunning_run_of(order).status == "exhausted"


def test_an_attempt_begun_before_the_cancellation_takes_no_money(days: Days) -> None:
    order = unpaid(days)
    days.until(NOW + dt.timedelta(days=2) - dt.timedelta(seconds=1))
    make_card_pay(order)
    days.sleep_until(NOW + dt.timedelta(days=2))
    dunning_steps.take_step(order_id=order.pk, step_number=1, at=days.now)
    with transaction.atomic():
        subscriptions.cancel(subscription=order.subscription, reason="staff", actor=TESTS, at=days.now)

    days.pass_(days=1)

    assert intent_statuses(days, order) == ["canceled"]
    assert (reloaded(order).status, charge_of(order).status) == ("canceled", "canceled")
    assert published()["PaymentFailed"] == 1


def test_a_card_detached_during_dunning_leads_to_reminders(days: Days) -> None:
    order = unpaid(days)
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SOFT).stripe_id
    days.sandbox.api("POST", f"/v1/payment_methods/{card}/detach")
    days.pass_(days=60)
    assert attempts_of(order) == [("declined", 0), ("declined", 2)]
    assert step_statuses(order) == ["attempted", "reminded", "reminded", "dropped"]
    assert (dunning_run_of(order).status, reloaded(order).status) == ("exhausted", "canceled")
    assert not days.dead


def test_if_stripe_is_down_the_attempt_of_a_step_happens_later(days: Days) -> None:
    order = unpaid(days)
    days.sandbox.faults({"kind": "error", "status": 503, "rate": 1})
    days.pass_(days=2)
    assert days.dead and attempts_of(order)[-1][0] in ("started", "unknown")
    days.sandbox.faults()
    capture(order, at=days.now)
    assert attempts_of(order)[-1][0] == "declined"
    days.pass_(days=60)
    assert len(attempts_of(order)) == 5


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("line", ["attempts.begin", "steps._finish", "steps.publish"])
def test_a_step_whose_process_is_killed_is_taken_once(
    days: Days, monkeypatch: pytest.MonkeyPatch, line: str, after: bool
) -> None:

    order = unpaid(days)
    days.sleep_until(NOW + dt.timedelta(days=2))
    module, name = line.split(".")
    target = {"attempts": attempts, "steps": dunning_steps}[module]
    with monkeypatch.context() as killed:
        killed.setattr(target, name, dying(getattr(target, name), after=after))
        with pytest.raises(Died):
            dunning_steps.take_step(order_id=order.pk, step_number=1, at=days.now)
    assert (len(attempts_of(order)), step_statuses(order)) == (1, ["planned"])
    days.pass_(hours=1)
    assert (len(attempts_of(order)), step_statuses(order)) == (2, ["attempted", "planned"])
