"""An order as several views of the API describe it."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.reverse import reverse

from orders import status_tokens
from orders.models import Order


def describe_order(order: Order, request: Request) -> dict[str, Any]:
    """The values of ``OrderOutput``."""
    token = status_tokens.token_of(order_id=order.pk)
    return {
        "number": order.number,
        "status": order.status,
        "amount": order.amount,
        "currency": order.currency,
        "status_url": reverse("api-order-status", kwargs={"token": token}, request=request),
    }
