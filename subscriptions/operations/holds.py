"""Place and close holds. A subscription is paused while at least one hold is open.

Several holds can be open at once, each for its own reason: an unpaid order and a dispute, for example. Lifting one of
them leaves the subscription paused until the last one is lifted (``resumption``).
"""

from __future__ import annotations

import datetime as dt

from django.db import models, transaction

from subscriptions.actors import Actor, ActorKind
from subscriptions.models import Hold, Subscription
from subscriptions.operations import periods, transitions
from subscriptions.operations.locks import lock_subscription
from subscriptions.operations.transitions import Kind, Status


def reason_for(actor: Actor) -> Hold.Reason:
    """The reason of a pause that this customer or member of staff asks for. Customers cannot end a pause of staff."""
    return Hold.Reason.STAFF if actor.kind == ActorKind.STAFF else Hold.Reason.CUSTOMER


def can_be_held(*, subscription: Subscription) -> bool:
    """Whether a hold can be placed: the subscription has begun and has not ended."""
    return subscription.status not in (Status.INCOMPLETE, Status.CANCELED)


def open_hold(*, subscription: Subscription, reason: Hold.Reason) -> Hold | None:
    """The open hold for this reason, or None."""
    return Hold.objects.filter(subscription=subscription, reason=reason, lifted_at=None).first()


def has_open_hold(*, subscription: Subscription, reason: Hold.Reason) -> bool:
    """Whether a hold for this reason is open."""
    return open_hold(subscription=subscription, reason=reason) is not None


@transaction.atomic
def place_hold(
    *,
    subscription: Subscription,
    reason: Hold.Reason,
    actor: Actor,
    at: dt.datetime,
    lift_at: dt.datetime | None = None,
) -> bool:
    """Pause the subscription for this reason: nothing is delivered or billed while a hold is open.

    Returns False and changes nothing if a hold for this reason is open, or if the subscription cannot be held.
    """
    lock_subscription(subscription)
    if not can_be_held(subscription=subscription) or has_open_hold(subscription=subscription, reason=reason):
        return False
    Hold.objects.create(
        subscription=subscription,
        reason=reason,
        placed_at=at,
        placed_by_kind=actor.kind,
        placed_by=actor.name,
        lift_at=lift_at,
    )
    if subscription.status == Status.PAUSED:
        transitions.record(subscription=subscription, kind=Kind.HOLD_PLACED, actor=actor, at=at, reason=reason)
    else:
        transitions.change_status(
            subscription=subscription, to=Status.PAUSED, kind=Kind.HOLD_PLACED, actor=actor, at=at, reason=reason
        )
        periods.pause_periods(subscription=subscription)
    return True


def close_all_holds(*, subscription: Subscription, actor: Actor, at: dt.datetime) -> None:
    """Close every open hold of the locked subscription, because the subscription ends."""
    _close(Hold.objects.filter(subscription=subscription), actor=actor, at=at)


def close_hold(*, subscription: Subscription, reason: Hold.Reason, actor: Actor, at: dt.datetime) -> bool:
    """Close the open hold for this reason of the locked subscription. Returns False if none is open.

    The subscription's status stays as it is: ``resumption`` changes it if this was the last open hold.
    """
    return bool(_close(Hold.objects.filter(subscription=subscription, reason=reason), actor=actor, at=at))


def is_held(*, subscription: Subscription) -> bool:
    """Whether at least one hold is open."""
    return Hold.objects.filter(subscription=subscription, lifted_at=None).exists()


def _close(holds: models.QuerySet[Hold], *, actor: Actor, at: dt.datetime) -> int:
    return holds.filter(lifted_at=None).update(lifted_at=at, lifted_by_kind=actor.kind, lifted_by=actor.name)
