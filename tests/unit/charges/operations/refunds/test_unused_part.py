"""The refund of a cancellation, from the payments for the current period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import transaction

from charges.models import Charge
from charges.operations.refunds.unused_part import locked_payments, refundable, unused_part
from orders.models import Order
from orders.operations.balances import balance_of
from tests.support.days import NOW
from tests.support.factories import make_plan, place_order, place_renewal, request_refund, succeeded_charge
from tests.support.plan_changes import paid_change
from tests.support.subscriptions import put_in_status

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def charge(db: None) -> Charge:
    return succeeded_charge(paid(amount=2490))


def paid(**fields: Any) -> Order:
    order: Order = place_order(status="paid", paid_at=NOW, **fields)
    return order


def at_share(order: Order, left: float) -> dt.datetime:
    """The moment at which this share of the order's period is left."""
    return order.period_end - (order.period_end - order.period_start) * left


def parts(**arguments: Any) -> Mapping[Charge, int]:
    return refundable(**arguments).parts


@pytest.mark.parametrize(("left", "expected"), [(1.0, 2490), (0.75, 1868), (0.5, 1245), (0.25, 623)])
def test_the_share_of_the_time_that_is_left(charge: Charge, left: float, expected: int) -> None:
    order = charge.order
    assert unused_part(subscription=order.subscription, at=at_share(order, left)) == expected


def test_nothing_is_left_at_the_end_of_the_period(charge: Charge) -> None:
    assert unused_part(subscription=charge.order.subscription, at=charge.order.period_end) == 0


def test_what_was_refunded_counts_only_beyond_the_used_part(charge: Charge) -> None:
    order = charge.order
    request_refund(charge, 1000)
    assert unused_part(subscription=order.subscription, at=at_share(order, 0.75)) == 1490
    assert unused_part(subscription=order.subscription, at=at_share(order, 0.5)) == 1245


def test_the_price_since_a_change_counts_and_the_newest_payment_is_refunded_first(charge: Charge) -> None:
    order = charge.order
    subscription = order.subscription
    put_in_status("active")
    large = make_plan(amount=3690)
    change = paid_change(subscription, at=at_share(order, 0.5), plan=large.code).order
    assert change is not None
    assert change.amount == 600
    second = succeeded_charge(change)
    at = at_share(order, 0.25)

    assert unused_part(subscription=subscription, at=at) == 923  # a quarter of 3690
    assert parts(subscription=subscription, payments=[charge, second], at=at) == {second: 600, charge: 323}


def test_what_a_cheaper_plan_has_credited_is_refunded_once(charge: Charge) -> None:
    order = charge.order
    put_in_status("active")
    small = make_plan(amount=1290)
    paid_change(order.subscription, at=at_share(order, 0.5), plan=small.code)
    assert balance_of(subscription=order.subscription) == 600
    at = at_share(order, 0.25)

    found = refundable(subscription=order.subscription, payments=[charge], at=at)

    assert (found.parts, found.credit) == ({charge: 323 + 600}, 600), "a quarter of 1290, and the credit"
    assert unused_part(subscription=order.subscription, at=at_share(order, 0.5)) == 1245


def test_a_credit_is_refunded_after_its_period_and_never_more_than_is_left(charge: Charge) -> None:
    order = charge.order
    put_in_status("active")
    paid_change(order.subscription, at=at_share(order, 0.75), plan=make_plan(amount=50).code)
    credit = balance_of(subscription=order.subscription)
    later = order.period_end + dt.timedelta(days=1)
    assert unused_part(subscription=order.subscription, at=later) == credit == 1868 - 38

    request_refund(charge, 2000)

    assert unused_part(subscription=order.subscription, at=later) == 490


def test_an_unpaid_order_is_not_refunded(db: None) -> None:
    order = place_order()
    Charge.objects.create(order=order, amount=1290, currency="EUR", payment_method="pm_card_visa")
    assert unused_part(subscription=order.subscription, at=order.period_start) == 0


def test_the_payments_of_earlier_periods_are_left_out(charge: Charge) -> None:
    renewal = place_renewal(charge.order, payment_method="pm_card_visa", status="paid", paid_at=NOW)
    at = at_share(renewal, 0.5)
    second = succeeded_charge(renewal)
    renewal.subscription.refresh_from_db()

    payments = [second, charge]

    assert parts(subscription=renewal.subscription, payments=payments, at=at) == {second: 1245}


def test_payments_are_locked_in_the_order_of_their_orders(charge: Charge) -> None:
    with transaction.atomic():
        assert locked_payments(subscription_id=charge.order.subscription_id, at=NOW - dt.timedelta(days=1)) == [charge]
