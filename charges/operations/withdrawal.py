"""Withdraw from the contract about a subscription within the days that the law grants (§ 355 BGB, Directive 2023/2673).

The subscription ends at once. Every payment is refunded in full, except for orders that were shipped: the shop may wait
for the goods (§ 357 (4) BGB), so staff refund those when the goods are back. A used digital plan is refunded in full,
too: the checkout does not ask the customer to renounce the right, so the shop may not keep anything (§ 357a (2) BGB).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from charges.models import Charge, Dispute
from charges.operations import locks
from charges.operations.refunds import requests
from charges.operations.refunds.unused_part import IN_DISPUTE, PaidMeanwhile, check_locked
from orders.models import Order
from orders.operations import balances
from subscriptions.actors import Actor
from subscriptions.models import Subscription
from subscriptions.operations import cancellation, subscriptions
from subscriptions.operations.locks import locked_subscription
from subscriptions.queries import WITHDRAWAL, contract_began_at

SHIPPED = Q(order__fulfilled_at__isnull=False, order__subscription__plan__is_digital=False)


class UnableToWithdraw(Exception):
    """The time to withdraw is over, or the subscription has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """``until``: the last moment at which the customer can withdraw. ``refund``: minor units that come back at once."""

    until: dt.datetime
    refund: int


def withdrawal_terms(*, subscription: Subscription, at: dt.datetime) -> Terms | None:
    """The effect of a withdrawal at this time, or None if the customer cannot withdraw (any more)."""
    until = withdrawal_ends_at(subscription=subscription)
    if until is None or at >= until or subscription.status == Subscription.Status.CANCELED:
        return None
    return Terms(until=until, refund=sum(_left(charge) for charge in _refundable(subscription)))


def withdrawal_ends_at(*, subscription: Subscription) -> dt.datetime | None:
    """The end of the last day on which the customer can withdraw, or None if the shop offers no withdrawal.

    The days count from the day after the checkout or the reinstatement, or for a shipped plan from the day after its
    first delivery.
    """
    if settings.WITHDRAWAL_DAYS == 0:
        return None
    zone, began = ZoneInfo(subscription.time_zone), contract_began_at(subscription=subscription)
    if not subscription.plan.is_digital:
        first = _orders(subscription).order_by("period_start").first()
        began = max(began, first.fulfilled_at) if first is not None and first.fulfilled_at else began
    day_after = began.astimezone(zone).date() + dt.timedelta(days=settings.WITHDRAWAL_DAYS + 1)
    return dt.datetime.combine(day_after, dt.time(), tzinfo=zone).astimezone(dt.UTC)


def withdraw(*, subscription_id: UUID, actor: Actor, at: dt.datetime) -> int:
    """End the subscription now and refund its payments. Return the refunded amount. Raises ``UnableToWithdraw``."""
    while True:
        try:
            return _withdraw(subscription_id, actor=actor, at=at)
        except PaidMeanwhile:
            continue


@transaction.atomic(durable=True)
def _withdraw(subscription_id: UUID, *, actor: Actor, at: dt.datetime) -> int:
    charges = _locked_payments(Subscription.objects.get(pk=subscription_id))
    subscription = locked_subscription(subscription_id=subscription_id)
    if withdrawal_terms(subscription=subscription, at=at) is None:
        raise UnableToWithdraw("This contract cannot be withdrawn from any more.")
    check_locked(_refundable(subscription), locked=charges)
    amounts = {charge: _left(charge) for charge in charges if _left(charge) > 0}
    for charge, amount in amounts.items():
        requests.refund_after_withdrawal(charge=charge, amount=amount)
    refunded = sum(amounts.values())
    balances.take_back(subscription=subscription, refunded=refunded, actor=actor, at=at)
    subscriptions.cancel(subscription=subscription, reason=WITHDRAWAL, actor=actor, at=at, refunded=refunded)
    cancellation.confirm_receipt(subscription=subscription)
    return refunded


def _locked_payments(subscription: Subscription) -> list[Charge]:
    """The refundable payments, locked with their orders in the order of the orders' ids."""
    orders = list(_refundable(subscription).order_by("order_id").values_list("order_id", flat=True))
    return [locks.locked_charge_of_order(order_id=order_id) for order_id in orders]


def _refundable(subscription: Subscription) -> QuerySet[Charge]:
    disputed = Dispute.objects.filter(IN_DISPUTE).values("charge")
    paid = Charge.objects.filter(order__in=_orders(subscription), status=Charge.Status.SUCCEEDED)
    return paid.exclude(SHIPPED).exclude(pk__in=disputed)


def _orders(subscription: Subscription) -> QuerySet[Order]:
    """The orders of the contract that runs now."""
    began = contract_began_at(subscription=subscription)
    return Order.objects.filter(subscription=subscription, period_start__gte=began)


def _left(charge: Charge) -> int:
    return charge.amount - charge.amount_refunded
