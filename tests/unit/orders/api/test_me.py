"""A customer's own orders as JSON."""

from __future__ import annotations

import pytest

from subscriptions.models import Customer
from tests.support.accounts import Browser, customer_with_login
from tests.support.factories import make_order


@pytest.fixture
def ann(db: None) -> Customer:
    return customer_with_login()


def test_an_order_shows_its_lines_and_its_status_url(ann: Customer) -> None:
    order = make_order(customer=ann, quantity=2)
    browser = Browser().log_in(ann)
    shown = browser.get(f"me/orders/{order.number}/").json()
    assert (shown["number"], shown["amount"], shown["currency"]) == (order.number, 2580, "EUR")
    coffee = {"kind": "period", "description": "Coffee, monthly", "quantity": 2, "unit_amount": 1290, "amount": 2580}
    assert shown["lines"] == [coffee]
    assert browser.http.get(shown["status_url"]).json()["number"] == order.number


@pytest.mark.parametrize("number", ["7K3M9-Q2XAB", "x", "%00", "7k3m9-q2xab" * 30])
def test_an_unknown_number_is_not_found(ann: Customer, number: str) -> None:
    assert Browser().log_in(ann).get(f"me/orders/{number}/").status_code == 404
