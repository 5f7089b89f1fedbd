"""Read the facts that a message depends on."""

from __future__ import annotations

from django.utils.functional import Promise

from charges import queries as charges
from charges.declines import NOT_APPROVED
from charges.models import DunningRun
from orders.models import Order


def why_unpaid(*, order: Order) -> Promise:
    """Why the order's payment failed, as a translatable sentence for the customer."""
    reading = charges.last_decline(order_id=order.pk)
    return NOT_APPROVED if reading is None else reading.customer


def dunning_of(*, order: Order) -> DunningRun | None:
    """The order's dunning run, or None if dunning never began."""
    return DunningRun.objects.filter(order=order).first()
