"""Lift holds of subscriptions, with regard to their orders."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from orders.operations.payments import has_overdue_orders
from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.models import Hold, Subscription
from subscriptions.operations import resumption
from subscriptions.operations.locks import lock_subscription, locked_with_due_holds

ACTOR = actors.system("orders.holds")
BATCH = 100


@transaction.atomic
def lift_hold(*, subscription: Subscription, reason: Hold.Reason, actor: Actor, at: dt.datetime) -> bool:
    """Lift the open hold for this reason. If it was the last open hold, the subscription is active again.

    If one of its orders is overdue, it becomes past due instead. Returns False if no hold for this reason is open.
    """
    # Lock it before reading its orders, so that a concurrent settlement cannot be missed.
    lock_subscription(subscription)
    is_overdue = has_overdue_orders(subscription=subscription)
    return resumption.lift_hold(subscription=subscription, reason=reason, is_overdue=is_overdue, actor=actor, at=at)


def lift_due_holds(*, at: dt.datetime) -> int:
    """Lift every hold whose planned end has come, and return how many. The orders of new periods are placed later."""
    lifted = 0
    while (batch := _lift_batch(at=at)) > 0:
        lifted += batch
    return lifted


@transaction.atomic(durable=True)
def _lift_batch(*, at: dt.datetime) -> int:
    lifted = 0
    for subscription in locked_with_due_holds(at=at, batch=BATCH):
        for hold in Hold.objects.filter(subscription=subscription, lifted_at=None, lift_at__lte=at):
            lift_hold(subscription=subscription, reason=Hold.Reason(hold.reason), actor=ACTOR, at=at)
            lifted += 1
    return lifted
