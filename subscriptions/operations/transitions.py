"""The statuses of a subscription and the transitions between them. This module is the only writer of ``status``.

Each change writes a ``SubscriptionChange`` in the same transaction, also if the status stays the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from subscriptions.actors import Actor
from subscriptions.models import Subscription, SubscriptionChange

Status = Subscription.Status
Kind = SubscriptionChange.Kind

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.INCOMPLETE: frozenset({Status.TRIALING, Status.ACTIVE, Status.CANCELED}),
    Status.TRIALING: frozenset({Status.ACTIVE, Status.PAST_DUE, Status.PAUSED, Status.CANCELED}),
    Status.ACTIVE: frozenset({Status.PAST_DUE, Status.PAUSED, Status.CANCELED}),
    Status.PAST_DUE: frozenset({Status.ACTIVE, Status.PAUSED, Status.CANCELED}),
    Status.PAUSED: frozenset({Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.CANCELED}),
    # A canceled subscription comes back only by a reinstatement: it is incomplete until its new period is paid.
    Status.CANCELED: frozenset({Status.INCOMPLETE}),
}


class TransitionNotAllowed(Exception):
    """The subscription cannot change from its status to this one. The message lists the allowed statuses."""

    def __init__(self, subscription: Subscription, to: Status) -> None:
        allowed = ", ".join(sorted(TRANSITIONS[Status(subscription.status)])) or "none"
        super().__init__(
            f"Subscription {subscription.pk} is {subscription.status} and cannot become {to.value}; allowed: {allowed}."
        )


def is_allowed(*, subscription: Subscription, to: Status) -> bool:
    """Whether the subscription may change from its status to this one."""
    return to in TRANSITIONS[Status(subscription.status)]


def change_status(
    *,
    subscription: Subscription,
    to: Status,
    kind: Kind,
    actor: Actor,
    at: dt.datetime,
    reason: str = "",
    **details: Any,
) -> SubscriptionChange:
    """Give the locked subscription this status, and record the change. Raises ``TransitionNotAllowed``."""
    if not is_allowed(subscription=subscription, to=to):
        raise TransitionNotAllowed(subscription, to)
    before = subscription.status
    subscription.status = to
    subscription.save(update_fields=["status", "updated_at"])
    return _record(subscription, before, kind=kind, actor=actor, at=at, reason=reason, details=details)


def record(
    *, subscription: Subscription, kind: Kind, actor: Actor, at: dt.datetime, reason: str = "", **details: Any
) -> SubscriptionChange:
    """Record a change of the locked subscription that leaves its status as it is."""
    return _record(
        subscription, subscription.status, kind=kind, actor=actor, at=at, reason=reason, details=details
    )


def record_start(*, subscription: Subscription, actor: Actor, at: dt.datetime) -> SubscriptionChange:
    """Record that the subscription was created."""
    return _record(subscription, "", kind=Kind.STARTED, actor=actor, at=at, reason="", details={})


def _record(
    subscription: Subscription,
    before: str,
    *,
    kind: Kind,
    actor: Actor,
    at: dt.datetime,
    reason: str,
    details: dict[str, Any],
) -> SubscriptionChange:
    return SubscriptionChange.objects.create(
        subscription=subscription,
        kind=kind,
        from_status=before,
        to_status=subscription.status,
        reason=reason[:40],
        actor_kind=actor.kind,
        actor=actor.name,
        details=details,
        at=at,
    )
