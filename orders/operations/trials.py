"""Extend the trial of a subscription, and the dates of its order."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from orders.models import Order
from orders.operations.locks import locked_order, locked_subscription_of
from subscriptions.actors import Actor
from subscriptions.operations import trials
from subscriptions.operations.trials import UnableToExtend


@transaction.atomic(durable=True)
def extend_trial(*, subscription_id: UUID, by: int | dt.date, actor: Actor, at: dt.datetime) -> dt.datetime:
    """Let the trial end so many days later, or on this day. Returns its new end. Raises ``UnableToExtend``."""
    first = Order.objects.filter(subscription=subscription_id, kind=Order.Kind.FIRST).first()
    if first is None:
        raise UnableToExtend("This subscription has no order.")
    order = locked_order(order_id=first.pk)
    subscription = locked_subscription_of(order)
    period = trials.extend_trial(subscription=subscription, by=by, actor=actor, at=at)
    order.period_end = period.end
    order.save(update_fields=["period_end", "updated_at"])
    return period.end
