"""The balance of a subscription: a credit, or an amount that is carried to the next order.

An order settles it with a line of the kind ``balance``, and an entry of the same amount. If the order is canceled, the
entry is given back. The caller holds the subscription's lock.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import Exists, OuterRef, QuerySet, Sum

from orders.models import AWAITING_PAYMENT, BalanceEntry, Order, OrderLine
from subscriptions.actors import Actor
from subscriptions.models import Subscription

Reason = BalanceEntry.Reason

SETTLED = (Reason.ORDER, Reason.CHANGE)


def balance_of(*, subscription: Subscription) -> int:
    """The balance in minor units: above 0 a credit, below 0 an amount to be paid with the next order.

    A credit from a payment that the bank has taken back does not count, unless the dispute is won.
    """
    balance = _sum(_entries(subscription))
    return balance if balance <= 0 else max(0, balance - _sum(_charged_back(subscription)))


def _entries(subscription: Subscription) -> QuerySet[BalanceEntry]:
    return BalanceEntry.objects.filter(subscription=subscription, currency=subscription.price.currency)


def _charged_back(subscription: Subscription) -> QuerySet[BalanceEntry]:
    """The credits of changes within the time of an order whose payment the bank has taken back."""
    taken = Order.objects.filter(
        subscription=OuterRef("subscription"),
        amount_charged_back__gt=0,
        period_start__lte=OuterRef("at"),
        period_end__gt=OuterRef("at"),
    )
    return _entries(subscription).filter(Exists(taken), reason=Reason.CHANGE, amount__gt=0)


def _sum(entries: QuerySet[BalanceEntry]) -> int:
    return entries.aggregate(sum=Sum("amount"))["sum"] or 0


def settle(*, order: Order, amount: int, reason: BalanceEntry.Reason, actor: Actor, at: dt.datetime) -> None:
    """Add the line of this signed amount to the new order, and change the balance by it. 0 adds nothing."""
    if amount == 0:
        return
    plan = order.subscription.plan
    OrderLine.objects.create(
        order=order,
        kind=OrderLine.Kind.BALANCE,
        plan=plan,
        description=plan.name,
        quantity=1,
        unit_amount=abs(amount),
        amount=amount,
    )
    _enter(order, amount, reason=reason, actor=actor, at=at)


def give_back(*, order: Order, actor: Actor, at: dt.datetime) -> None:
    """Undo what the canceled order changed of the balance."""
    settled = BalanceEntry.objects.filter(order=order, reason__in=SETTLED).first()
    if settled is not None:
        _enter(order, -settled.amount, reason=Reason.ORDER_CANCELED, actor=actor, at=at)


def take_back(*, subscription: Subscription, refunded: int, actor: Actor, at: dt.datetime) -> None:
    """``refunded`` minor units of the payments behind the credit were refunded: take as much of the credit back.

    This includes what an unpaid order holds. That order is canceled, and gives it back to the balance.
    """
    held = _entries(subscription).filter(order__status__in=AWAITING_PAYMENT)
    amount = min(refunded, _sum(_entries(subscription)) - _sum(held))
    if amount > 0:
        BalanceEntry.objects.create(
            subscription=subscription,
            amount=-amount,
            currency=subscription.price.currency,
            reason=Reason.REFUND,
            actor_kind=actor.kind,
            actor=actor.name,
            at=at,
        )


def _enter(order: Order, amount: int, *, reason: BalanceEntry.Reason, actor: Actor, at: dt.datetime) -> None:
    BalanceEntry.objects.create(
        subscription_id=order.subscription_id,
        order=order,
        pending_change_id=order.pending_change_id,
        amount=amount,
        currency=order.currency,
        reason=reason,
        actor_kind=actor.kind,
        actor=actor.name,
        at=at,
    )
