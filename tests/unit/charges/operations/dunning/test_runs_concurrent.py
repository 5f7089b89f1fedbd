"""Two orders of one subscription that are settled at the same moment, and what is locked in which order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from charges.operations import ledger, locks
from charges.operations.dunning import ending, runs
from charges.operations.dunning import steps as dunning_steps
from charges.operations.payments import reading
from charges.operations.payments.new_payment_method import replace_payment_method
from orders.operations import payments
from orders.operations.locks import locked_order
from subscriptions.models import Hold, Subscription
from subscriptions.operations import holds, subscriptions
from tests.support.concurrency import in_thread, wait_until_blocked
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, published, start_fulfillments
from tests.support.dunning import make_card_pay, reloaded, step_statuses
from tests.support.factories import SOFT, charge_of, dunning_run_of, paid_before, place_renewal, two_unpaid, unpaid
from tests.support.subscriptions import TESTS, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)


@transaction.atomic
def pay(order_id: Any, days: Days) -> None:
    payments.mark_paid(order=locked_order(order_id=order_id), at=days.now)


def test_the_last_two_unpaid_orders_are_paid_at_once(days: Days) -> None:
    first, second = two_unpaid(days)
    with transaction.atomic():
        pay(first.pk, days)
        other = in_thread(lambda: pay(second.pk, days))
        wait_until_blocked(other)
    other.join()
    assert reloaded(first).subscription.status == "active", "neither took the other one for unpaid"


def test_one_order_is_paid_while_another_fails(days: Days) -> None:
    first = unpaid(days)
    second = place_renewal(first, payment_method=SOFT)
    with transaction.atomic():
        order = locked_order(order_id=second.pk)
        payments.mark_payment_failed(order=order)
        subscriptions.mark_past_due(subscription=order.subscription, actor=TESTS, at=days.now)
        other = in_thread(lambda: pay(first.pk, days))
        wait_until_blocked(other)
    other.join()
    assert reloaded(first).subscription.status == "past_due"


def locked_tables(captured: Iterable[dict[str, str]], *tables: str) -> list[str]:
    """Which of the tables were locked or changed, in order."""
    found = []
    for query in captured:
        sql = query["sql"]
        if "FOR UPDATE" in sql or sql.startswith("UPDATE"):
            found += [table for table in tables if f'FROM "{table}"' in sql or f'UPDATE "{table}"' in sql]
    return found


RUN, SUBSCRIPTION = "charges_dunningrun", "subscriptions_subscription"


def test_a_payment_locks_its_dunning_before_its_subscription(days: Days) -> None:
    """A dispute about another order of the subscription does so too; the other way round each waits for the other."""
    order = unpaid(days)
    days.until(NOW + dt.timedelta(days=2) - dt.timedelta(seconds=1))
    make_card_pay(order)
    with CaptureQueriesContext(connection) as captured:
        days.pass_(hours=1)
    assert reloaded(order).subscription.status == "active"
    locked = locked_tables(captured, RUN, SUBSCRIPTION)
    assert SUBSCRIPTION in locked and RUN not in locked[locked.index(SUBSCRIPTION) :]


def test_a_refunded_payment_locks_its_dunning_before_its_subscription(days: Days) -> None:
    order = unpaid(days)
    with transaction.atomic():
        subscriptions.cancel(subscription=order.subscription, reason="staff", actor=TESTS, at=days.now)
    # Before the message that cancels the order is worked off.
    days.sandbox.confirm_in_browser(charge_of(order).payment_intent_id, "pm_card_visa")
    with CaptureQueriesContext(connection) as captured:
        reading.read_payment_of(order_id=order.pk, at=days.now)
    assert charge_of(order).amount_refunded == order.amount
    locked = locked_tables(captured, RUN, SUBSCRIPTION)
    assert SUBSCRIPTION in locked and RUN not in locked[locked.index(SUBSCRIPTION) :]


def begin_try(days: Days, order: Any, number: int, *, on_day: int) -> None:
    """A step of the schedule is taken; its try waits to be made."""
    moment = NOW + dt.timedelta(days=on_day)
    days.until(moment - dt.timedelta(seconds=1))
    days.sleep_until(moment)
    dunning_steps.take_step(order_id=order.pk, step_number=number, at=days.now)


def test_a_dispute_at_the_moment_of_the_last_failure_pauses_the_subscription(days: Days) -> None:
    first = paid_before(days)
    order = place_renewal(first, payment_method=SOFT)
    capture(order, at=days.now)
    begin_try(days, order, 4, on_day=21)
    with transaction.atomic():
        ending.stop_for_subscription(subscription_id=order.subscription_id, reason="disputed", at=days.now)
        failing = in_thread(lambda: capture(order, at=days.now))
        wait_until_blocked(failing)
        holds.place_hold(
            subscription=order.subscription, reason=Hold.Reason.DISPUTED, actor=TESTS, at=days.now
        )
    failing.join()
    assert status_and_reason(order.subscription) == ("paused", "disputed")
    assert (dunning_run_of(order).status, published()["DunningExhausted"]) == ("stopped", 0)


def test_a_failed_attempt_plans_no_step_if_the_dunning_was_stopped_meanwhile(days: Days) -> None:
    order = unpaid(days)
    begin_try(days, order, 1, on_day=2)
    with transaction.atomic():
        ending.stop_for_subscription(subscription_id=order.subscription_id, reason="disputed", at=days.now)
        failing = in_thread(lambda: capture(order, at=days.now))
        wait_until_blocked(failing)
    failing.join()
    assert (dunning_run_of(order).status, step_statuses(order)) == ("stopped", ["attempted"])


def test_resuming_after_a_dispute_locks_one_order_at_a_time(days: Days) -> None:
    first, _ = two_unpaid(days)
    ending.stop_for_subscription(subscription_id=first.subscription_id, reason="disputed", at=days.now)
    Subscription.objects.update(status="active")
    with CaptureQueriesContext(connection) as captured:
        runs.resume_for_subscription(subscription_id=first.subscription_id, stopped_because="disputed", at=days.now)
    held: set[str] = set()
    for query in captured:
        if query["sql"] == "COMMIT":
            held.clear()
        now = locked_tables([query], "orders_order", RUN, SUBSCRIPTION)
        assert not ("orders_order" in now and SUBSCRIPTION in held)
        held.update(now)
    assert reloaded(first).subscription.status == "past_due"


def test_the_dunning_of_an_order_paid_meanwhile_does_not_resume(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    order = unpaid(days)
    ending.stop_for_subscription(subscription_id=order.subscription_id, reason="disputed", at=days.now)
    locked_charge_of_order = locks.locked_charge_of_order

    def pay_by_another_card() -> None:
        replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
        capture(order, at=days.now)
        start_fulfillments()

    def overtaken(**found: Any) -> Any:
        monkeypatch.setattr(locks, "locked_charge_of_order", locked_charge_of_order)
        in_thread(pay_by_another_card).join()
        return locked_charge_of_order(**found)

    monkeypatch.setattr(locks, "locked_charge_of_order", overtaken)
    went_on = runs.resume_for_subscription(
        subscription_id=order.subscription_id, stopped_because="disputed", at=days.now
    )
    assert went_on == 0
    assert (charge_of(order).status, reloaded(order).subscription.status) == ("succeeded", "active")
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []
