"""The signed token in an order's ``status_url``. Its owner can follow and pay that order, and nothing else."""

from __future__ import annotations

from uuid import UUID

from django.core import signing

from orders.models import Order

SALT = "orders.status"


class BadToken(Exception):
    """The token's signature is invalid, or its order does not exist."""


def token_of(*, order_id: UUID) -> str:
    """The order's token, the same each time."""
    return signing.Signer(salt=SALT).sign(str(order_id))


def read(token: str) -> UUID:
    """The id of the token's order, which may not exist. Raises ``BadToken``."""
    try:
        return UUID(signing.Signer(salt=SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        raise BadToken("The signature of this status token is invalid.") from None


def order_of(*, token: str) -> Order:
    """The token's order with its customer. Raises ``BadToken``."""
    order = Order.objects.select_related("customer").filter(pk=read(token)).first()
    if order is None:
        raise BadToken("The order of this status token does not exist.")
    return order
