"""The row locks of orders make another transaction wait."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import transaction

from orders.operations import locks
from orders.queries import OrderNotFound
from tests.support.concurrency import is_locked
from tests.support.days import NOW
from tests.support.factories import make_order, place_renewal

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_is_locked_without_its_subscription_until_the_transaction_ends() -> None:
    order = make_order()
    with transaction.atomic():
        assert locks.locked_order(order_id=order.pk) == order
        assert (is_locked(order), is_locked(order.subscription)) == (True, False)
    assert not is_locked(order)


def test_the_unpaid_orders_of_a_subscription_are_locked_by_primary_key() -> None:
    paid = make_order()
    unpaid = [paid]
    for number in range(4, 0, -1):  # later orders have smaller keys, so that only a sort returns them in this order
        status = "payment_failed" if number == 4 else "pending_payment"
        unpaid.append(place_renewal(unpaid[-1], payment_method="pm_1", id=UUID(int=number), status=status))
    del unpaid[0]
    elsewhere = make_order(status="pending_payment", customer={"email": "bob@example.com"})
    with transaction.atomic():
        found = locks.locked_unpaid_orders(subscription_id=paid.subscription_id)
        assert [order.pk for order in found] == sorted(order.pk for order in unpaid)
        assert all(map(is_locked, unpaid))
        assert not any(map(is_locked, [paid, elsewhere]))


def test_the_subscription_of_an_order_is_locked() -> None:
    order = make_order()
    with transaction.atomic():
        assert locks.locked_subscription_of(order) == order.subscription
        assert is_locked(order.subscription)


def test_an_unknown_order_is_an_error() -> None:
    with transaction.atomic(), pytest.raises(OrderNotFound):
        locks.locked_order(order_id=uuid4())
    with transaction.atomic():
        assert locks.locked_unpaid_orders(subscription_id=uuid4()) == []


def test_the_test_of_locks_sees_an_order_that_is_not_locked() -> None:
    assert not is_locked(make_order(start=NOW))
