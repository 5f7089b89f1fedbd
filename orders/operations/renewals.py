"""Place the order for a billing period that has begun."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from orders.events import RenewalPlaced
from orders.models import AWAITING_PAYMENT, Order, OrderLine
from orders.operations.contacts import contact_of
from subscriptions.models import BillingPeriod, Subscription
from subscriptions.operations.locks import locked_subscription
from subscriptions.operations.subscriptions import is_billable

logger = logging.getLogger(__name__)

Outcome = BillingPeriod.Outcome


@transaction.atomic(durable=True)
def place_renewal(*, subscription_id: UUID, period_number: int, at: dt.datetime) -> Order | None:
    """Place the order for this period of the subscription, once, and publish ``RenewalPlaced``.

    Returns None and places no order if the period has an order or has ended, or if the subscription must not be billed.
    While an order of the subscription awaits payment, no further period is billed.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    period = BillingPeriod.objects.get(subscription=subscription, number=period_number)
    if period.outcome != Outcome.DUE or not is_billable(subscription=subscription):
        logger.info("Period %d of subscription %s is not billed.", period_number, subscription_id)
        return None
    if Order.objects.filter(subscription=subscription, status__in=AWAITING_PAYMENT).exists():
        _record(period, Outcome.UNPAID, at=at)
        return None
    return bill(subscription=subscription, period=period, at=at)


def bill(*, subscription: Subscription, period: BillingPeriod, at: dt.datetime) -> Order:
    """Place the order of this due period of the locked subscription, and publish ``RenewalPlaced``."""
    order = _place(subscription, period, at=at)
    _record(period, Outcome.BILLED, at=at)
    publish(RenewalPlaced(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    return order


def _record(period: BillingPeriod, outcome: BillingPeriod.Outcome, *, at: dt.datetime) -> None:
    period.outcome, period.at = outcome, at
    period.save(update_fields=["outcome", "at"])


def _place(subscription: Subscription, period: BillingPeriod, *, at: dt.datetime) -> Order:
    price, quantity = subscription.price, subscription.quantity
    order = Order.objects.create(
        kind=Order.Kind.RENEWAL,
        customer_id=subscription.customer_id,
        subscription=subscription,
        period=period,
        amount=price.amount * quantity,
        currency=price.currency,
        payment_method=subscription.payment_method,
        shipping_address=subscription.shipping_address,
        **contact_of(subscription.customer),
        period_start=period.start,
        period_end=period.end,
        placed_at=at,
    )
    OrderLine.objects.create(
        order=order,
        plan_id=subscription.plan_id,
        description=subscription.plan.name,
        quantity=quantity,
        unit_amount=price.amount,
        amount=order.amount,
    )
    return order
