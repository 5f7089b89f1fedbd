"""Lift a hold of a subscription, with regard to its orders."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from orders.operations.payments import has_overdue_orders
from subscriptions.actors import Actor
from subscriptions.models import Hold, Subscription
from subscriptions.operations import resumption
from subscriptions.operations.locks import lock_subscription


@transaction.atomic
def lift_hold(*, subscription: Subscription, reason: Hold.Reason, actor: Actor, at: dt.datetime) -> bool:
    """Lift the open hold for this reason. If it was the last open hold, the subscription is active again.

    If one of its orders is overdue, it becomes past due instead. Returns False if no hold for this reason is open.
    """
    # Lock it before reading its orders, so that a concurrent settlement cannot be missed.
    lock_subscription(subscription)
    is_overdue = has_overdue_orders(subscription=subscription)
    return resumption.lift_hold(subscription=subscription, reason=reason, is_overdue=is_overdue, actor=actor, at=at)
