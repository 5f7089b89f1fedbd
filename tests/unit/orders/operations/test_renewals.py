"""The order for a billing period: placed once, and only if the subscription may be billed."""

from __future__ import annotations

import datetime as dt

import pytest

from orders.models import Order
from orders.operations.renewals import place_renewal
from subscriptions.models import BillingPeriod, Plan, Subscription
from subscriptions.operations import renewals, subscriptions
from tests.support.concurrency import at_once
from tests.support.deliveries import published
from tests.support.factories import change_price, started_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db(transaction=True)

START = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
DUE = dt.datetime(2026, 2, 28, 10, tzinfo=dt.UTC)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=START, quantity=2)
    subscriptions.activate(subscription=started, actor=TESTS, at=START)
    renewals.begin_due_renewals(at=DUE)
    started.refresh_from_db()
    return started


def place(subscription: Subscription, number: int = 1) -> Order | None:
    return place_renewal(subscription_id=subscription.pk, period_number=number, at=DUE)


def outcome(subscription: Subscription, number: int = 1) -> str:
    return BillingPeriod.objects.get(subscription=subscription, number=number).outcome


def test_the_order_has_the_price_the_quantity_and_the_dates_of_its_period(subscription: Subscription) -> None:
    order = place(subscription)
    assert order is not None
    assert (order.kind, order.amount, order.currency, order.payment_method) == ("renewal", 2580, "EUR", "pm_1")
    assert (order.period_start, order.period_end) == (DUE, dt.datetime(2026, 3, 31, 10, tzinfo=dt.UTC))
    (line,) = order.lines.all()
    assert (line.quantity, line.unit_amount, line.amount) == (2, 1290, 2580)
    assert outcome(subscription) == "billed"
    assert published()["RenewalPlaced"] == 1


def test_a_message_that_comes_twice_at_once_places_one_order(subscription: Subscription) -> None:
    at_once(*[lambda: place(subscription)] * 4)
    assert (Order.objects.count(), published()["RenewalPlaced"]) == (1, 1)


def test_a_message_that_comes_a_month_late_places_no_order(subscription: Subscription) -> None:
    renewals.begin_due_renewals(at=dt.datetime(2026, 3, 31, 10, tzinfo=dt.UTC))
    assert place(subscription) is None
    assert (Order.objects.count(), outcome(subscription)) == (0, "missed")


@pytest.mark.parametrize("status", ["pending_payment", "payment_failed", "requires_action"])
def test_no_period_is_billed_while_an_order_awaits_payment(subscription: Subscription, status: str) -> None:
    place(subscription)
    Order.objects.update(status=status)
    renewals.begin_due_renewals(at=dt.datetime(2026, 3, 31, 10, tzinfo=dt.UTC))

    assert place(subscription, 2) is None

    assert (Order.objects.count(), outcome(subscription, 2)) == (1, "unpaid")


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_a_subscription_that_was_paused_or_canceled_meanwhile_is_not_billed(
    subscription: Subscription, status: str
) -> None:
    Subscription.objects.update(status=status, canceled_at=DUE, renews_at=None)
    assert place(subscription) is None
    assert Order.objects.count() == 0


def test_a_running_subscription_keeps_its_price_when_the_plan_gets_another(
    subscription: Subscription, coffee: Plan
) -> None:
    change_price(coffee, amount=9900)
    order = place(subscription)
    assert order is not None
    assert order.amount == 2580
