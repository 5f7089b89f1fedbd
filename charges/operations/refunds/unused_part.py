"""The part of the payments for a running period that the customer gets back when the subscription ends now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from django.db.models import Q, QuerySet

from charges.models import Charge, Dispute
from charges.operations import locks
from orders import queries as orders
from subscriptions.models import Subscription
from subscriptions.money import whole_steps

# The bank has this money, or decides about it. Stripe refuses a refund of it.
IN_DISPUTE = Q(is_inquiry=False, closed_at=None) | Q(funds=Dispute.Funds.WITHDRAWN)


def locked_payments(*, subscription_id: UUID, at: dt.datetime) -> list[Charge]:
    """The payments for a period that has not ended, locked with their orders in the order of the orders' ids.

    Call it before the subscription is locked.
    """
    order_ids = list(_payments(subscription_id, at).order_by("order_id").values_list("order_id", flat=True))
    return [locks.locked_charge_of_order(order_id=order_id) for order_id in order_ids]


def unused_part(*, subscription: Subscription, at: dt.datetime) -> int:
    """The amount that a cancellation at this time can refund, in minor units of the price's currency."""
    payments = _payments(subscription.pk, at).select_related("order")
    return sum(unused_parts(subscription=subscription, payments=list(payments), at=at).values())


def unused_parts(*, subscription: Subscription, payments: list[Charge], at: dt.datetime) -> Mapping[Charge, int]:
    """How much of each of these payments is refunded, in minor units, the newest payment first. Zeros are left out.

    Only payments for the current period count: the period itself, and changes of plan or quantity within it. A change
    to a cheaper plan has credited a part of the period already, so the price since the last change counts. What the
    bank has taken back is not refunded from another payment.
    """
    unused, parts = orders.unused_of_period(subscription=subscription, at=at), {}
    for charge in sorted(payments, key=lambda charge: charge.order_id, reverse=True):
        left = charge.amount - charge.amount_refunded
        if charge.order.period_start >= subscription.current_period_start and (
            amount := whole_steps(amount=min(unused, left), currency=charge.currency)
        ) > 0:
            parts[charge] = amount
            unused -= amount
    return parts


def _payments(subscription_id: UUID, at: dt.datetime) -> QuerySet[Charge]:
    disputed = Dispute.objects.filter(IN_DISPUTE).values("charge")
    paid = Charge.objects.filter(order__subscription=subscription_id, status=Charge.Status.SUCCEEDED)
    return paid.filter(order__period_end__gt=at).exclude(pk__in=disputed)
