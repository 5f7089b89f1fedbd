"""Withdraw from the contract within the days after the checkout, with a refund of everything that was not shipped."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import Charge, Dispute, Refund
from charges.operations import cancellation, ledger, withdrawal
from charges.operations.withdrawal import Terms, UnableToWithdraw
from integrations.outbox.models import OutboxMessage
from orders.models import Order
from orders.operations import reinstatement
from subscriptions.models import Plan, Subscription, SubscriptionChange
from tests.support.concurrency import at_once
from tests.support.days import NOW, Days
from tests.support.factories import place_order, request_refund
from tests.support.subscriptions import TESTS, status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)

DAY = dt.timedelta(days=1)
# The checkout was on March 1, so the 14th day after it is March 15.
ENDS = dt.datetime(2026, 3, 16, tzinfo=dt.UTC)


def withdraw(subscription: Subscription, at: dt.datetime = NOW + DAY) -> int:
    return withdrawal.withdraw(subscription_id=subscription.pk, actor=TESTS, at=at)


def refunds() -> list[tuple[int, str]]:
    return list(Refund.objects.values_list("amount", "origin"))


@pytest.mark.parametrize("digital", [True, False])
def test_everything_that_was_not_shipped_is_refunded(days: Days, digital: bool) -> None:
    subscription = subscribed(days, amount=2490, plan={"is_digital": digital})
    assert withdraw(subscription) == 2490
    days.settle()
    assert status_and_reason(subscription) == ("canceled", "withdrawal")
    assert refunds() == [(2490, "customer")]
    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [2490]
    assert Order.objects.get().status == "refunded"
    recorded = SubscriptionChange.objects.get(kind="canceled")
    assert (recorded.reason, recorded.details) == ("withdrawal", {"refunded": 2490})
    [receipt] = OutboxMessage.objects.filter(task="emails.cancellation_receipt")
    assert receipt.kwargs["change_id"] == str(recorded.pk)


def test_shipped_goods_are_refunded_by_staff_later(days: Days) -> None:
    subscription = subscribed(days, plan={"is_digital": False})
    Order.objects.update(status="fulfilled", fulfilled_at=NOW + DAY)
    assert withdraw(subscription, NOW + 2 * DAY) == 0
    assert (refunds(), status_and_reason(subscription)) == ([], ("canceled", "withdrawal"))


def test_what_was_refunded_before_is_not_refunded_again(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    request_refund(Charge.objects.get(), 1000)
    assert withdraw(subscription) == 1490


def test_a_disputed_payment_is_left_to_the_bank(days: Days) -> None:
    subscription = subscribed(days)
    opened = {"amount": 1290, "currency": "EUR", "status": "needs_response", "opened_at": NOW}
    Dispute.objects.create(charge=Charge.objects.get(), stripe_id="du_1", is_inquiry=False, **opened)
    assert withdraw(subscription) == 0


@pytest.mark.parametrize(("at", "allowed"), [(NOW, True), (ENDS - dt.timedelta(seconds=1), True), (ENDS, False)])
def test_the_last_day_counts_in_full(days: Days, at: dt.datetime, allowed: bool) -> None:
    subscription = subscribed(days)
    terms = withdrawal.withdrawal_terms(subscription=subscription, at=at)
    assert terms == (Terms(until=ENDS, refund=1290) if allowed else None)
    if not allowed:
        with pytest.raises(UnableToWithdraw):
            withdraw(subscription, at)
        assert status_and_reason(subscription)[0] == "active"


def test_the_days_are_those_of_the_customer(days: Days) -> None:
    subscription = subscribed(days)
    subscription.time_zone = "America/New_York"
    # Daylight saving time began on March 8.
    assert withdrawal.withdrawal_ends_at(subscription=subscription) == dt.datetime(2026, 3, 16, 4, tzinfo=dt.UTC)


def test_the_days_of_a_shipped_plan_begin_with_its_first_delivery(days: Days) -> None:
    subscription = subscribed(days, plan={"is_digital": False})
    Order.objects.update(status="fulfilled", fulfilled_at=NOW + 3 * DAY)
    assert withdrawal.withdrawal_ends_at(subscription=subscription) == ENDS + 3 * DAY
    Plan.objects.update(is_digital=True)
    subscription = Subscription.objects.get()
    assert withdrawal.withdrawal_ends_at(subscription=subscription) == ENDS


def test_a_shop_may_offer_no_withdrawal(days: Days, settings: Any) -> None:
    subscription = subscribed(days)
    settings.WITHDRAWAL_DAYS = 0
    assert withdrawal.withdrawal_terms(subscription=subscription, at=NOW) is None
    with pytest.raises(UnableToWithdraw):
        withdraw(subscription)


def test_after_a_reinstatement_the_days_and_the_refund_are_those_of_the_new_contract(days: Days) -> None:
    subscription = subscribed(days, plan={"is_digital": True})
    days.pass_(days=20)
    cancellation.cancel_now(
        subscription_id=subscription.pk, reason="other", is_refunded=False, actor=TESTS, at=days.now
    )
    days.pass_(days=1)
    reinstatement.reinstate(subscription_id=subscription.pk, actor=TESTS, at=days.now)
    days.settle()

    subscription = Subscription.objects.get()
    assert (subscription.status, Order.objects.count()) == ("active", 2)
    terms = withdrawal.withdrawal_terms(subscription=subscription, at=days.now)
    assert terms == Terms(until=dt.datetime(2026, 4, 6, tzinfo=dt.UTC), refund=1290)
    assert withdraw(subscription, days.now) == 1290
    assert [charge.amount_refunded for charge in Charge.objects.order_by("pk")] == [0, 1290]
    days.settle()
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []


def test_an_unpaid_subscription_ends_without_a_refund(days: Days) -> None:
    subscription = place_order().subscription
    assert withdraw(subscription) == 0
    assert status_and_reason(subscription) == ("canceled", "withdrawal")


def test_withdrawing_twice_at_once_refunds_once(days: Days) -> None:
    subscription = subscribed(days)
    results = at_once(lambda: _try(subscription), times=3)
    assert sorted(results, key=str) == [1290, None, None]
    assert refunds() == [(1290, "customer")]


def _try(subscription: Subscription) -> int | None:
    try:
        return withdraw(subscription)
    except UnableToWithdraw:
        return None
