"""The fulfillment of a paid order starts once."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from orders.models import AWAITING_PAYMENT, Order
from orders.operations.fulfillment import start_fulfillment
from orders.queries import OrderNotFound
from tests.support.days import NOW
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db

DIGITAL = {"code": "magazine", "name": "Magazine", "is_digital": True}


def stored(order: Order) -> tuple[str, dt.datetime | None, dt.datetime | None]:
    row = Order.objects.get(pk=order.pk)
    return row.status, row.fulfillment_started_at, row.fulfilled_at


def test_a_digital_order_is_fulfilled_at_once() -> None:
    order = make_order(plan=DIGITAL)
    assert start_fulfillment(order_id=order.pk, at=NOW)
    assert stored(order) == ("fulfilled", NOW, NOW)


def test_a_shipped_order_stays_paid_until_it_is_shipped() -> None:
    order = make_order()
    assert start_fulfillment(order_id=order.pk, at=NOW)
    assert stored(order) == ("paid", NOW, None)


@pytest.mark.parametrize("plan", [DIGITAL, None], ids=["digital", "shipped"])
def test_a_second_delivery_changes_nothing(plan: dict[str, object] | None) -> None:
    order = make_order(plan=plan)
    start_fulfillment(order_id=order.pk, at=NOW)
    before = stored(order)
    assert not start_fulfillment(order_id=order.pk, at=NOW + dt.timedelta(days=1))
    assert stored(order) == before


def test_a_partially_refunded_order_is_fulfilled_and_keeps_its_status() -> None:
    order = make_order(plan=DIGITAL, status="partially_refunded")
    assert start_fulfillment(order_id=order.pk, at=NOW)
    assert stored(order) == ("partially_refunded", NOW, NOW)


@pytest.mark.parametrize("status", [*AWAITING_PAYMENT, "canceled", "refunded"])
def test_an_order_that_is_not_paid_is_not_fulfilled(status: str) -> None:
    order = make_order(plan=DIGITAL, status=status)
    assert not start_fulfillment(order_id=order.pk, at=NOW)
    assert stored(order) == (status, None, None)


def test_an_unknown_order_is_a_permanent_error() -> None:
    with pytest.raises(OrderNotFound):
        start_fulfillment(order_id=uuid4(), at=NOW)
