"""A customer cancels a subscription, changes the mind, and comes back, while the days pass."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import Charge, ChargeAttempt, DunningRun, Refund
from charges.operations import ledger
from charges.operations.payments.new_payment_method import replace_payment_method
from orders.models import Order
from subscriptions.models import BillingPeriod, Customer, Subscription
from subscriptions.operations import renewals
from tests.support.accounts import BackEnd, customer_with_login
from tests.support.days import Days
from tests.support.deliveries import capture
from tests.support.factories import HARD, SCA, SOFT, change_price, make_order
from tests.support.subscriptions import status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)

BOUGHT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FIRST = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)
A_DAY = dt.timedelta(days=1)


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def subscription(ann: Customer, days: Days) -> Subscription:
    return subscribed(days, customer=ann, amount=2490)


@pytest.fixture
def shop(ann: Customer, days: Days) -> BackEnd:
    """The shop's back end, which acts for Ann. A session would end while the months pass."""
    return BackEnd(customer=ann)


def until(days: Days, moment: dt.datetime) -> None:
    """Let the days pass. The scheduler runs once a day, and the workers in between."""
    while days.now < moment:
        renewals.begin_due_renewals(at=days.now)
        days.until(min(days.now + A_DAY, moment))
    renewals.begin_due_renewals(at=days.now)
    days.pass_(minutes=1)


def act(shop: BackEnd, subscription: Subscription, action: str, body: Any = None) -> dict[str, Any]:
    answer = shop.act(subscription, action, body or {})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def orders(subscription: Subscription) -> list[str]:
    found = Order.objects.filter(subscription=subscription).order_by("period_start")
    return list(found.values_list("status", flat=True))


def periods() -> list[str]:
    return list(BillingPeriod.objects.order_by("number").values_list("outcome", flat=True))


def broken() -> list[str]:
    return [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds]


def charge_another_card(subscription: Subscription, card: str) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(payment_method=card)


def test_a_cancellation_at_the_end_of_the_period(days: Days, shop: BackEnd, subscription: Subscription) -> None:
    act(shop, subscription, "cancel", {"when": "period_end", "reason": "too_expensive"})
    until(days, FIRST - A_DAY)
    assert status_and_reason(subscription) == ("active", "")
    until(days, FIRST + 40 * A_DAY)
    assert status_and_reason(subscription) == ("canceled", "too_expensive")
    assert (orders(subscription), periods()) == (["paid"], ["billed"])
    assert (broken(), days.dead) == ([], [])


def test_cancel_now_with_a_refund_and_come_back_within_the_old_period(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    until(days, BOUGHT + (FIRST - BOUGHT) / 4 - dt.timedelta(minutes=1))
    act(shop, subscription, "cancel", {"when": "now", "refund": True})
    days.settle()
    assert [(refund.amount, refund.status) for refund in Refund.objects.all()] == [(1868, "succeeded")]
    assert orders(subscription) == ["partially_refunded"]

    change_price(subscription.plan, amount=2990)
    until(days, BOUGHT + 10 * A_DAY)
    preview = shop.get(f"me/subscriptions/{subscription.pk}/reinstate/").json()
    assert (preview["amount"], preview["currency"], preview["quantity"]) == (2990, "EUR", 1)
    shown = act(shop, subscription, "reinstate")
    assert (shown["status"], shown["allowed_actions"]) == ("incomplete", ["cancel_now"])
    days.settle()

    assert status_and_reason(subscription) == ("active", "")
    assert periods() == ["billed", "gap", "billed"]
    assert [intent["amount"] for intent in days.sandbox.intents()].count(2990) == 1
    assert (broken(), days.dead) == ([], [])

    until(days, BOUGHT + 45 * A_DAY)
    assert (periods(), orders(subscription)) == (
        ["billed", "gap", "billed", "billed"],
        ["partially_refunded", "paid", "paid"],
    )
    assert broken() == []


def test_a_second_cancellation_refunds_the_new_period_only(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    act(shop, subscription, "cancel", {"when": "now"})
    until(days, BOUGHT + A_DAY)
    act(shop, subscription, "reinstate")
    days.settle()
    until(days, BOUGHT + 2 * A_DAY)
    act(shop, subscription, "cancel", {"when": "now", "refund": True})
    days.settle()
    assert orders(subscription) == ["paid", "partially_refunded"]
    assert broken() == []


@pytest.mark.parametrize("card", [SOFT, HARD])
def test_a_declined_reinstatement_is_canceled_again_without_dunning(
    days: Days, shop: BackEnd, subscription: Subscription, card: str
) -> None:
    act(shop, subscription, "cancel", {"when": "now"})
    charge_another_card(subscription, card)
    until(days, BOUGHT + A_DAY)
    act(shop, subscription, "reinstate")
    days.settle()

    assert status_and_reason(subscription) == ("canceled", "unpaid")
    assert orders(subscription) == ["paid", "canceled"]
    asked = ChargeAttempt.objects.count()
    until(days, BOUGHT + 20 * A_DAY)
    assert ChargeAttempt.objects.count() == asked
    assert not DunningRun.objects.filter(status="active").exists()
    assert (broken(), days.dead) == ([], [])

    charge_another_card(subscription, "pm_card_visa")
    act(shop, subscription, "reinstate")
    days.settle()
    assert status_and_reason(subscription) == ("active", "")
    assert orders(subscription) == ["paid", "canceled", "paid"]
    assert periods() == ["billed", "gap", "billed", "gap", "billed"]
    assert (broken(), days.dead) == ([], [])


def test_a_reinstatement_that_the_customer_must_confirm_waits(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    act(shop, subscription, "cancel", {"when": "now"})
    charge_another_card(subscription, SCA)
    until(days, BOUGHT + A_DAY)
    act(shop, subscription, "reinstate")
    days.settle()
    assert status_and_reason(subscription) == ("incomplete", "")
    assert orders(subscription) == ["paid", "requires_action"]
    assert broken() == []

    until(days, BOUGHT + 30 * A_DAY)
    assert status_and_reason(subscription) == ("canceled", "unpaid")
    assert orders(subscription) == ["paid", "canceled"]
    assert (broken(), days.dead) == ([], [])


def test_a_reinstatement_is_too_late_after_one_period(days: Days, shop: BackEnd, subscription: Subscription) -> None:
    act(shop, subscription, "cancel", {"when": "now"})
    until(days, BOUGHT + 32 * A_DAY)
    answer = shop.act(subscription, "reinstate", {})
    assert answer.status_code == 409
    assert shop.get(f"me/subscriptions/{subscription.pk}/reinstate/").status_code == 409
    assert orders(subscription) == ["paid"]


# The faults of other shops


DUNNING_STATES = {"just declined": 0.0, "after the first step": 3.0, "after two steps": 6.0, "near its end": 19.0}


@pytest.mark.parametrize("later", DUNNING_STATES)
def test_polar_6542_and_12644_a_cancellation_ends_dunning(
    days: Days, shop: BackEnd, subscription: Subscription, later: str
) -> None:
    charge_another_card(subscription, SOFT)
    until(days, FIRST)
    days.pass_(days=DUNNING_STATES[later])
    assert status_and_reason(subscription) == ("past_due", "")
    asked = ChargeAttempt.objects.count()

    act(shop, subscription, "cancel", {"when": "now"})
    until(days, days.now + 40 * A_DAY)

    assert status_and_reason(subscription) == ("canceled", "other")
    assert orders(subscription) == ["paid", "canceled"]
    assert ChargeAttempt.objects.count() == asked
    assert not DunningRun.objects.filter(status="active").exists()
    assert {intent["status"] for intent in days.sandbox.intents()} == {"succeeded", "canceled"}
    assert (broken(), days.dead) == ([], [])


def test_polar_6542_a_payment_that_needs_the_customer_is_canceled_too(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    charge_another_card(subscription, SCA)
    until(days, FIRST)
    assert Order.objects.get(kind="renewal").status == "requires_action"
    act(shop, subscription, "cancel", {"when": "now"})
    until(days, days.now + 40 * A_DAY)
    assert Charge.objects.get(order__kind="renewal").status == "canceled"
    assert broken() == []


def test_solidus_165_a_new_card_pays_one_order_after_three_boundaries(days: Days, ann: Customer) -> None:
    weekly = {"interval": "week", "unpaid_policy": "past_due"}
    order = make_order(customer=ann, plan=weekly, start=days.now, status="pending_payment")
    capture(order, at=days.now)
    subscription = order.subscription
    charge_another_card(subscription, SOFT)
    until(days, BOUGHT + 29 * A_DAY)
    assert periods() == ["billed", "billed", "unpaid", "unpaid", "unpaid"]
    unpaid = Order.objects.get(kind="renewal")

    replace_payment_method(order_id=unpaid.pk, payment_method="pm_card_mastercard", at=days.now)
    days.settle()

    assert status_and_reason(subscription) == ("active", "")
    assert orders(subscription) == ["paid", "paid"]
    assert days.sandbox.statuses().count("succeeded") == 2
    until(days, BOUGHT + 36 * A_DAY)
    assert (periods()[-1], orders(subscription)) == ("billed", ["paid", "paid", "paid"])
    assert (broken(), days.dead) == ([], [])
