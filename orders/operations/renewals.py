"""Place the order for a billing period that has begun. It settles the balance of the subscription."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from orders.change_figures import renewal_amount
from orders.events import RenewalPlaced
from orders.models import AWAITING_PAYMENT, BalanceEntry, Order, OrderLine
from orders.operations import balances, payments
from orders.operations.cancellation import cancel_unpaid_of_closed_changes
from orders.operations.contacts import contact_of
from subscriptions import actors
from subscriptions.models import BillingPeriod, Subscription
from subscriptions.operations.locks import locked_subscription
from subscriptions.operations.subscriptions import is_billable

logger = logging.getLogger(__name__)

Outcome = BillingPeriod.Outcome

ACTOR = actors.system("orders.renewals")


@transaction.atomic(durable=True)
def place_renewal(*, subscription_id: UUID, period_number: int, at: dt.datetime) -> Order | None:
    """Place the order for this period of the subscription, once, and publish ``RenewalPlaced``.

    If the subscription's credit pays it in full, the order is paid at once. Returns None and places no order if the
    period has an order or has ended, or if the subscription must not be billed. While an order of an earlier period
    awaits payment, no further period is billed.
    """
    # The order of a change that was dropped at the end of its period may hold a credit. Its own message may come later.
    cancel_unpaid_of_closed_changes(subscription_id=subscription_id, at=at)
    subscription = locked_subscription(subscription_id=subscription_id)
    period = BillingPeriod.objects.get(subscription=subscription, number=period_number)
    if period.outcome != Outcome.DUE or not is_billable(subscription=subscription):
        logger.info("Period %d of subscription %s is not billed.", period_number, subscription_id)
        return None
    if _has_unpaid_period(subscription):
        _record(period, Outcome.UNPAID, at=at)
        return None
    return bill(subscription=subscription, period=period, at=at)


def bill(*, subscription: Subscription, period: BillingPeriod, at: dt.datetime) -> Order:
    """Place the order of this due period of the locked subscription, and publish ``RenewalPlaced``."""
    order = _place(subscription, period, at=at)
    _record(period, Outcome.BILLED, at=at)
    if order.amount == 0:
        payments.mark_paid(order=order, at=at)
    else:
        publish(RenewalPlaced(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    return order


def _has_unpaid_period(subscription: Subscription) -> bool:
    """An unpaid change does not count: it was dropped at the end of its period, and its order is being canceled."""
    unpaid = Order.objects.filter(subscription=subscription, status__in=AWAITING_PAYMENT)
    return unpaid.exclude(kind=Order.Kind.CHANGE).exists()


def _record(period: BillingPeriod, outcome: BillingPeriod.Outcome, *, at: dt.datetime) -> None:
    period.outcome, period.at = outcome, at
    period.save(update_fields=["outcome", "at"])


def _place(subscription: Subscription, period: BillingPeriod, *, at: dt.datetime) -> Order:
    price, quantity = subscription.price, subscription.quantity
    total = price.amount * quantity
    amount = renewal_amount(
        total=total, balance=balances.balance_of(subscription=subscription), currency=price.currency
    )
    order = Order.objects.create(
        kind=Order.Kind.RENEWAL,
        customer_id=subscription.customer_id,
        subscription=subscription,
        period=period,
        amount=amount,
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
        amount=total,
    )
    balances.settle(order=order, amount=amount - total, reason=BalanceEntry.Reason.ORDER, actor=ACTOR, at=at)
    return order
