"""A canceled subscription begins again: a new period, at today's price, which is charged."""

from __future__ import annotations

import datetime as dt

import pytest

from orders.models import BalanceEntry, Order
from orders.operations import reinstatement
from orders.operations.cancellation import cancel_unpaid_of_ended
from subscriptions.models import BillingPeriod, Plan, Skip, Subscription, SubscriptionChange
from subscriptions.operations import subscriptions
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.commands import Command
from tests.support.concurrency import at_once
from tests.support.deliveries import published
from tests.support.erasures import request_erasure
from tests.support.factories import change_price, make_order
from tests.support.subscriptions import TESTS, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

START = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
END = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
A_DAY = dt.timedelta(days=1)


def canceled(at: dt.datetime, *, status: str = "paid") -> Subscription:
    subscription: Subscription = make_order(start=START, status=status).subscription
    subscriptions.activate(subscription=subscription, actor=TESTS, at=START)
    subscriptions.cancel(subscription=subscription, reason="quality", actor=TESTS, at=at)
    return subscription


def reinstate(subscription: Subscription, at: dt.datetime, key: str = "k") -> bool:
    command = Command(key=key, request_hash="h")
    return reinstatement.reinstate(subscription_id=subscription.pk, actor=TESTS, at=at, command=command)


def periods() -> list[tuple[str, dt.datetime, dt.datetime]]:
    return list(BillingPeriod.objects.order_by("number").values_list("outcome", "start", "end"))


def test_a_new_period_begins_now_after_a_gap() -> None:
    subscription = canceled(END)
    at = END + 10 * A_DAY

    assert reinstate(subscription, at)

    subscription.refresh_from_db()
    assert (subscription.status, subscription.canceled_at, subscription.cancel_reason) == ("incomplete", None, "")
    assert (subscription.anchor_at, subscription.anchor_number, subscription.period_number) == (at, 2, 2)
    month_later = dt.datetime(2026, 4, 10, 12, tzinfo=dt.UTC)
    assert periods() == [("billed", START, END), ("gap", END, at), ("billed", at, month_later)]
    assert subscription.renews_at == month_later
    order = Order.objects.get(kind="renewal")
    assert (order.status, order.period_start, order.period_end) == ("pending_payment", at, month_later)
    assert published()["RenewalPlaced"] == 1


def test_a_period_that_was_left_early_ends_with_the_cancellation() -> None:
    left = START + 7 * A_DAY
    subscription = canceled(left)
    reinstate(subscription, START + 9 * A_DAY)
    assert [row[:3] for row in periods()][:2] == [("billed", START, left), ("gap", left, START + 9 * A_DAY)]


def test_a_reinstatement_at_the_moment_of_the_cancellation_has_no_gap() -> None:
    subscription = canceled(START + A_DAY)
    reinstate(subscription, START + A_DAY)
    assert [outcome for outcome, _, _ in periods()] == ["billed", "billed"]
    assert periods()[1][1] == START + A_DAY


def test_a_reinstatement_at_the_very_start_keeps_the_periods_in_order() -> None:
    subscription = canceled(START)
    reinstate(subscription, START)
    second = dt.timedelta(seconds=1)
    assert periods()[0] == ("billed", START, START + second)
    assert periods()[1][1] == START + second


def test_todays_price_is_charged_and_stays() -> None:
    subscription = canceled(END)
    price = change_price(subscription.plan, amount=1590)
    reinstate(subscription, END + A_DAY)
    subscription.refresh_from_db()
    assert subscription.price == price
    assert Order.objects.get(kind="renewal").amount == 1590
    change = SubscriptionChange.objects.get(kind="reinstated")
    assert (change.from_status, change.to_status, change.actor) == ("canceled", "incomplete", "tests")
    assert change.details["to_price"] == str(price.pk)


def test_the_credit_is_used_before_the_card() -> None:
    subscription = canceled(END)
    entry = {"currency": "EUR", "reason": "staff", "actor_kind": "system", "actor": "tests", "at": END}
    BalanceEntry.objects.create(subscription=subscription, amount=300, **entry)
    subscription.refresh_from_db()
    expected = reinstatement.first_charge(subscription=subscription, price=subscription.price)
    reinstate(subscription, END)
    assert Order.objects.get(kind="renewal").amount == expected == 990


def test_a_credit_that_pays_everything_makes_the_subscription_active() -> None:
    subscription = canceled(END)
    entry = {"currency": "EUR", "reason": "staff", "actor_kind": "system", "actor": "tests", "at": END}
    BalanceEntry.objects.create(subscription=subscription, amount=2000, **entry)
    reinstate(subscription, END)
    assert Order.objects.get(kind="renewal").status == "paid"
    assert status_and_reason(subscription) == ("active", "")


def test_another_currency_needs_a_new_checkout() -> None:
    subscription = canceled(END)
    change_price(subscription.plan, currency="USD")
    with pytest.raises(reinstatement.NotForSale, match="another currency"):
        reinstate(subscription, END)


def test_it_is_too_late_after_one_period() -> None:
    subscription = canceled(END)
    with pytest.raises(ActionNotAllowed):
        reinstate(subscription, END + 29 * A_DAY)
    assert status_and_reason(subscription) == ("canceled", "quality")


def test_a_plan_that_is_not_for_sale_does_not_come_back() -> None:
    subscription = canceled(END)
    Plan.objects.update(is_active=False)
    with pytest.raises(reinstatement.NotForSale):
        reinstate(subscription, END)
    assert not Order.objects.filter(kind="renewal").exists()


def test_a_quantity_that_is_too_expensive_by_now_does_not_come_back() -> None:
    subscription = canceled(END)
    Subscription.objects.update(quantity=1000)
    change_price(subscription.plan, amount=1_000_000)
    with pytest.raises(reinstatement.NotForSale):
        reinstate(subscription, END)


def test_an_old_unpaid_order_must_be_canceled_first() -> None:
    subscription = canceled(END, status="payment_failed")
    with pytest.raises(reinstatement.OrderNotCanceled):
        reinstate(subscription, END)
    assert cancel_unpaid_of_ended(subscription_id=subscription.pk, at=END) == 1
    assert reinstate(subscription, END)


def test_a_late_message_about_the_cancellation_leaves_the_new_order_alone() -> None:
    subscription = canceled(END)
    reinstate(subscription, END)
    assert cancel_unpaid_of_ended(subscription_id=subscription.pk, at=END) == 0
    assert Order.objects.get(kind="renewal").status == "pending_payment"


def test_skips_of_the_old_dates_end() -> None:
    subscription = canceled(END)
    Skip.objects.create(subscription=subscription, period_number=2, actor_kind="system", actor="tests")
    reinstate(subscription, END + A_DAY)
    assert not Skip.objects.exists()


def test_a_repeated_command_reinstates_once() -> None:
    subscription = canceled(END)
    assert reinstate(subscription, END)
    subscriptions.cancel(subscription=subscription, reason="quality", actor=TESTS, at=END)
    assert not reinstate(subscription, END)
    assert Order.objects.filter(kind="renewal").count() == 1


def test_two_commands_at_once_reinstate_once() -> None:
    subscription = canceled(END)
    results = at_once(lambda: reinstate(subscription, END, "a"), lambda: reinstate(subscription, END, "b"))
    assert [isinstance(result, ActionNotAllowed) for result in results].count(True) == 1
    assert Order.objects.filter(kind="renewal").count() == 1


def test_the_subscription_of_an_erased_customer_stays_canceled() -> None:
    subscription = canceled(END)
    Order.objects.update(fulfillment_started_at=END)
    request_erasure(subscription.customer, at=END)
    with pytest.raises(reinstatement.DataErased):
        reinstate(subscription, END)
    assert status_and_reason(subscription) == ("canceled", "quality")


def test_a_reinstatement_and_an_erasure_at_once_leave_no_running_subscription() -> None:
    subscription = canceled(END)
    Order.objects.update(fulfillment_started_at=END)
    at_once(lambda: reinstate(subscription, END), lambda: request_erasure(subscription.customer, at=END))
    subscription.refresh_from_db()
    if subscription.customer.erased_at is None:  # its unpaid order refused the erasure
        assert subscription.status != "canceled"
    else:
        assert subscription.status == "canceled"
