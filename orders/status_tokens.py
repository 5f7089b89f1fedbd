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


def order_of(*, token: str) -> Order:
    """The order that the token is for, with its customer. Raises ``BadToken``."""
    try:
        order_id = signing.Signer(salt=SALT).unsign(token)
    except signing.BadSignature:
        raise BadToken("This is no status token of ours.") from None
    order = Order.objects.select_related("customer").filter(pk=order_id).first()
    if order is None:
        raise BadToken("The order of this token is gone.")
    return order
