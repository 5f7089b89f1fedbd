from __future__ import annotations

from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations.errors import PermanentError
from orders.queries import OrderNotFound, is_first_order, order_by_number, order_with_details
from tests.support.factories import make_order, place_renewal

pytestmark = pytest.mark.django_db


def test_an_order_comes_with_everything_that_a_message_needs(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    order = make_order()
    with django_assert_num_queries(2):
        found = order_with_details(order_id=order.pk)
        details = (found.customer.name, found.subscription.plan.name, [line.amount for line in found.lines.all()])
    assert details == ("Ann Lee", "Coffee, monthly", [1290])


def test_an_unknown_order_is_a_permanent_error() -> None:
    with pytest.raises(OrderNotFound) as caught:
        order_with_details(order_id=uuid4())
    assert isinstance(caught.value, PermanentError)


def test_the_first_order_is_the_one_with_the_earliest_period_of_its_subscription() -> None:
    first = make_order()
    renewal = place_renewal(first, payment_method="pm_1")
    other = make_order(customer={"email": "bob@example.com"}, start=renewal.period_end)
    assert [is_first_order(order=order) for order in (first, renewal, other)] == [True, False, True]


def test_an_order_is_found_by_its_typed_number_and_the_customers_address() -> None:
    order = make_order()
    for typed in (order.number, order.number.replace("-", "").lower()):
        assert order_by_number(number=typed, email=" ann.LEE@example.com ") == order
    ann = "ann.lee@example.com"
    for number, email in ((order.number, "bob@example.com"), (order.number, ""), ("7K3M9-Q2XAB", ann), ("", ann)):
        assert order_by_number(number=number, email=email) is None
