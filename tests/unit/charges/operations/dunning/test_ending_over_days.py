from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from charges.operations.dunning import ending
from charges.operations.payments.new_payment_method import (
    replace_payment_method,
)
from notifications.models import Notification
from notifications.operations.message_context import message_context
from notifications.rendering.message_context import Outcome
from orders.operations import cancellation
from orders.operations.holds import lift_hold
from subscriptions.models import Hold, Plan
from subscriptions.operations import subscriptions
from tests.support.days import NOW, Days
from tests.support.deliveries import capture
from tests.support.dunning import attempts_of, intent_statuses, make_card_pay, reloaded, step_statuses
from tests.support.factories import (
    SOFT,
    charge_of,
    dunning_run_of,
    place_order,
    place_renewal,
    two_unpaid,
    unpaid,
)
from tests.support.subscriptions import TESTS, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("policy", "subscription", "order_status"),
    [("cancel", "canceled", "canceled"), ("pause", "paused", "canceled"), ("past_due", "past_due", "payment_failed")],
)
def test_each_unpaid_policy_is_applied_at_the_end(
    days: Days, policy: str, subscription: str, order_status: str
) -> None:
    order = unpaid(days, unpaid_policy=policy)
    days.pass_(days=60)
    assert (reloaded(order).subscription.status, reloaded(order).status) == (subscription, order_status)
    assert dunning_run_of(order).status == "exhausted"
    assert len(attempts_of(order)) == 5


def test_a_past_due_order_can_still_be_paid(days: Days) -> None:
    order = unpaid(days, unpaid_policy="past_due")
    days.pass_(days=60)
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.pass_(days=60)
    assert len(attempts_of(order)) == 6, "no second dunning"
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    assert (charge_of(order).status, reloaded(order).subscription.status) == ("succeeded", "active")


def test_a_subscription_that_never_began_is_not_past_due_and_cannot_be_paused(days: Days) -> None:
    order = place_order(payment_method=SOFT)
    Plan.objects.update(unpaid_policy="pause")
    capture(reloaded(order), at=days.now)
    assert reloaded(order).subscription.status == "incomplete"
    days.pass_(days=60)
    assert (reloaded(order).subscription.status, reloaded(order).status) == ("canceled", "canceled")
    context = message_context(kind=Notification.Kind.DUNNING_EXHAUSTED, order=reloaded(order), at=days.now)
    assert context.outcome == Outcome.CANCELED, "the message says what became of it, not what the plan wished"


def test_two_unpaid_orders_of_a_pausing_plan_pause_the_subscription(days: Days) -> None:
    first, second = two_unpaid(days, unpaid_policy="pause")
    days.pass_(days=60)
    assert {reloaded(order).status for order in (first, second)} == {"canceled"}
    assert status_and_reason(first.subscription) == ("paused", "unpaid")


def test_a_paused_subscription_collects_no_other_order(days: Days) -> None:
    first = unpaid(days, unpaid_policy="pause")
    days.pass_(days=7)
    second = place_renewal(first, payment_method=SOFT)
    capture(second, at=days.now)
    days.until(NOW + dt.timedelta(days=21, hours=1))
    make_card_pay(second)
    days.pass_(days=30)
    assert status_and_reason(first.subscription) == ("paused", "unpaid")
    assert {reloaded(order).status for order in (first, second)} == {"canceled"}
    assert intent_statuses(days, second) == ["canceled"], "it is not charged, nor can it be paid by an old link"
    assert (dunning_run_of(second).status, dunning_run_of(second).reason) == ("stopped", "order_canceled")


def test_orders_after_a_finished_pause_are_not_canceled(days: Days) -> None:
    first = unpaid(days, unpaid_policy="pause")
    days.pass_(days=22)
    assert lift_hold(
        subscription=first.subscription, reason=Hold.Reason.UNPAID, actor=TESTS, at=days.now
    )
    second = place_renewal(first, payment_method=SOFT)
    capture(second, at=days.now)
    assert ending.cancel_other_unpaid_orders(order_id=first.pk, at=days.now) == 0
    assert reloaded(second).status == "payment_failed"


def test_dunning_stops_when_the_subscription_is_canceled(days: Days) -> None:
    """Retries after cancel: two peers had that."""
    order = unpaid(days)
    with transaction.atomic():
        subscriptions.cancel(subscription=order.subscription, reason="staff", actor=TESTS, at=days.now)
    days.pass_(days=60)
    assert len(attempts_of(order)) == 1
    assert reloaded(order).status == "canceled"
    assert dunning_run_of(order).status == "stopped"
    assert intent_statuses(days, order) == ["canceled"]


def test_dunning_stops_when_its_order_alone_is_canceled(days: Days) -> None:
    order = unpaid(days)
    with transaction.atomic():
        cancellation.cancel_unpaid(order=order, at=days.now)
    days.pass_(days=60)
    assert (len(attempts_of(order)), intent_statuses(days, order)) == (1, ["canceled"])
    assert (dunning_run_of(order).status, dunning_run_of(order).reason) == ("stopped", "order_canceled")
    assert reloaded(order).subscription.status == "active", "it owes nothing any more"


def test_dunning_stops_for_a_customer_who_is_erased(days: Days) -> None:
    order = unpaid(days)
    assert ending.stop_for_customer(customer_id=order.customer_id, reason="erasure", at=days.now) == 1
    days.pass_(days=60)
    assert (len(attempts_of(order)), step_statuses(order)) == (1, ["dropped"])
    assert (dunning_run_of(order).status, dunning_run_of(order).reason) == ("stopped", "erasure")
