"""The sections that charges adds to the admin page of an order."""

from __future__ import annotations

from charges.models import Charge, Dispute, DunningRun, Refund
from orders.admin import register_section

register_section(label="payment", rows=lambda order: Charge.objects.filter(order=order).select_related("order"))
register_section(label="dunning", rows=lambda order: DunningRun.objects.filter(order=order).select_related("order"))
register_section(
    label="refunds",
    rows=lambda order: Refund.objects.filter(charge__order=order).select_related("charge__order").order_by("id"),
)
register_section(
    label="disputes",
    rows=lambda order: Dispute.objects.filter(charge__order=order).select_related("charge__order").order_by("id"),
)
