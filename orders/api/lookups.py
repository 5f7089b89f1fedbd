"""Finding the order that a request is about."""

from __future__ import annotations

from rest_framework import exceptions

from orders import status_tokens
from orders.models import Order


def order_for_token(token: str) -> Order:
    """The order of a status token, with its customer. Raises ``NotFound`` (404) if the token is invalid."""
    try:
        return status_tokens.order_of(token=token)
    except status_tokens.BadToken:
        raise exceptions.NotFound("There is no such order.") from None
