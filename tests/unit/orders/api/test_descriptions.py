"""An order as the checkout and a change describe it."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from orders import status_tokens
from orders.api.descriptions import describe_order
from tests.support.factories import make_order


def test_an_order_is_described_with_an_absolute_status_url(db: None) -> None:
    order = make_order()
    described = describe_order(order, Request(APIRequestFactory().get("/")))
    url = described.pop("status_url")
    assert described == {"number": order.number, "status": "paid", "amount": 1290, "currency": "EUR"}
    assert url == f"http://testserver/api/v1/orders/status/{status_tokens.token_of(order_id=order.pk)}/"
