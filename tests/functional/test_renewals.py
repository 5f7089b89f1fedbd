"""The shop renews subscriptions automatically: it orders and captures each period, and a decline starts dunning."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest

from charges.models import Charge
from charges.operations import ledger
from orders.models import Order
from subscriptions.models import BillingPeriod, Subscription
from subscriptions.operations import renewals
from tests.support.days import Days
from tests.support.deliveries import capture
from tests.support.dunning import make_card_pay
from tests.support.factories import SOFT, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def days(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> Days:
    return Days(monkeypatch, stripe_sandbox)


def bought(days: Days, **fields: Any) -> Subscription:
    """A subscription whose first order is paid."""
    order = place_order(**fields)
    capture(order, at=days.now)
    days.settle()
    subscription: Subscription = order.subscription
    subscription.refresh_from_db()
    assert subscription.status == "active"
    return subscription


def let_months_pass(days: Days, months: int) -> None:
    """Run the scheduler once a day and six hours after each boundary, and the workers in between."""
    end = days.now + dt.timedelta(days=31 * months)
    while days.now < end:
        renewals.begin_due_renewals(at=days.now)
        boundaries = Subscription.objects.filter(renews_at__gt=days.now).values_list("renews_at", flat=True)
        tomorrow = days.now + dt.timedelta(days=1)
        days.until(min([tomorrow, end, *(boundary + dt.timedelta(hours=6) for boundary in boundaries)]))


def orders_of(subscription: Subscription) -> list[tuple[str, str]]:
    return list(Order.objects.filter(subscription=subscription).order_by("period_start").values_list("kind", "status"))


def broken() -> list[str]:
    return [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds]


def test_a_year_of_renewals(days: Days) -> None:
    subscription = bought(days)

    let_months_pass(days, 12)

    orders = orders_of(subscription)
    assert orders[0][0] == "first"
    assert {kind for kind, _ in orders[1:]} == {"renewal"}
    assert len(orders) in (13, 14)
    assert {status for _, status in orders} <= {"paid", "fulfilled"}
    periods = list(BillingPeriod.objects.filter(subscription=subscription).order_by("number"))
    assert all(earlier.end == later.start for earlier, later in pairwise(periods))
    assert Charge.objects.filter(status="succeeded").count() == len(orders)
    assert len(days.sandbox.objects("payment_intents")) == len(orders)
    assert (broken(), days.dead) == ([], [])


def test_a_declined_renewal_is_dunned_and_no_further_period_is_billed(days: Days) -> None:
    subscription = bought(days)
    Subscription.objects.filter(pk=subscription.pk).update(payment_method=SOFT)

    let_months_pass(days, 3)

    assert [kind for kind, _ in orders_of(subscription)] == ["first", "renewal"]
    assert orders_of(subscription)[1][1] == "canceled", "dunning ended after 21 days"
    subscription.refresh_from_db()
    assert (subscription.status, subscription.cancel_reason) == ("canceled", "unpaid")
    assert broken() == []


def test_a_renewal_that_is_paid_late_keeps_the_anchor(days: Days) -> None:
    subscription = bought(days)
    anchor = subscription.anchor_at
    Subscription.objects.filter(pk=subscription.pk).update(payment_method=SOFT)
    days.until(subscription.current_period_end + dt.timedelta(hours=1))
    renewals.begin_due_renewals(at=days.now)
    days.settle()
    make_card_pay(Order.objects.get(kind="renewal"))

    days.pass_(days=10)

    subscription.refresh_from_db()
    assert (subscription.status, subscription.anchor_at) == ("active", anchor)
    assert subscription.renews_at == subscription.period(2).start
    assert broken() == []
