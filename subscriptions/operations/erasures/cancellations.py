"""Cancel every subscription of a customer who is being erased."""

from __future__ import annotations

import datetime as dt

from subscriptions.actors import Actor, ActorKind
from subscriptions.models import Erasure, Subscription
from subscriptions.operations import subscriptions

REASON = "erasure"


def cancel_subscriptions(*, erasure: Erasure, at: dt.datetime) -> int:
    """Cancel what runs, each in its own transaction, because a transaction locks one subscription. Return how many.

    Nothing is refunded: a customer who wants the unused time back cancels first. Repeating it changes nothing.
    """
    running = Subscription.objects.filter(customer=erasure.customer_id).exclude(status=Subscription.Status.CANCELED)
    actor = Actor(kind=ActorKind(erasure.requested_by_kind), name=erasure.requested_by)
    return sum(
        subscriptions.cancel(subscription=subscription, reason=REASON, actor=actor, at=at)
        for subscription in running.order_by("pk")
    )
