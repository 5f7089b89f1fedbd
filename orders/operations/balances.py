"""The balance of a subscription: a credit, or an amount that is carried to the next order.

An order settles it with a line of the kind ``balance``, and an entry of the same amount. If the order is canceled, the
entry is given back. The caller holds the subscription's lock.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import Sum

from orders.models import BalanceEntry, Order, OrderLine
from subscriptions.actors import Actor
from subscriptions.models import Subscription

Reason = BalanceEntry.Reason

SETTLED = (Reason.ORDER, Reason.CHANGE)


def balance_of(*, subscription: Subscription) -> int:
    """The balance in minor units: above 0 a credit, below 0 an amount to be paid with the next order."""
    entries = BalanceEntry.objects.filter(subscription=subscription, currency=subscription.price.currency)
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
    """``refunded`` minor units of the payments behind the credit were refunded: take as much of the credit back."""
    amount = min(refunded, balance_of(subscription=subscription))
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
