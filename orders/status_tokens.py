"""The signed part of an order's ``status_url``. Who has it can follow the order, and pay it; nothing else."""

from __future__ import annotations

from uuid import UUID

from django.core import signing

from orders.models import Order

SALT = "orders.status"


class BadToken(Exception):
    """Not a token of ours, or its order is gone."""


def token_of(*, order_id: UUID) -> str:
    """The token of an order; the same each time."""
    return signing.Signer(salt=SALT).sign(str(order_id))


def read(token: str) -> UUID:
    """The id of the order that the token is for, which nobody looks up here. Raises ``BadToken``."""
    try:
        return UUID(signing.Signer(salt=SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        raise BadToken("This is no status token of ours.") from None


def order_of(*, token: str) -> Order:
    """The order that the token is for, with its customer. Raises ``BadToken``."""
    order = Order.objects.select_related("customer").filter(pk=read(token)).first()
    if order is None:
        raise BadToken("The order of this token is gone.")
    return order
