"""Plan a change of a subscription for later, and close it.

``boundaries`` applies the changes that wait for the end of a period. A change that waits for payment is applied by the
settlement of its order.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any

from django.db import models, transaction

from integrations.outbox.events import publish
from subscriptions.actors import Actor
from subscriptions.events import PlanChangeClosed
from subscriptions.models import PendingChange, Price, Subscription
from subscriptions.operations import transitions
from subscriptions.operations.locks import lock_subscription
from subscriptions.operations.transitions import Kind

Outcome = PendingChange.Outcome

PLANNED = {
    PendingChange.Kind.CANCEL: Kind.CANCEL_PLANNED,
    PendingChange.Kind.PAUSE: Kind.PAUSE_PLANNED,
    PendingChange.Kind.PLAN: Kind.PLAN_CHANGE_PLANNED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The terms of a change. A plan change has ``price`` and ``quantity``; a pause may have ``lift_at``, its end.

    ``not_before``: the change is not applied at a boundary before this time.
    """

    kind: PendingChange.Kind
    when: PendingChange.When = PendingChange.When.PERIOD_END
    price: Price | None = None
    quantity: int | None = None
    not_before: dt.datetime | None = None
    lift_at: dt.datetime | None = None
    reason: str = ""


def open_change(*, subscription: Subscription, kind: PendingChange.Kind) -> PendingChange | None:
    """The open change of this kind, or None."""
    return open_changes(subscription=subscription).filter(kind=kind).first()


def open_changes(*, subscription: Subscription) -> models.QuerySet[PendingChange]:
    """The changes of the subscription that are neither applied nor closed."""
    return PendingChange.objects.filter(subscription=subscription, closed_at=None)


@transaction.atomic
def plan_change(*, subscription: Subscription, planned: Planned, actor: Actor, at: dt.datetime) -> PendingChange:
    """Plan a change, in place of an open change of the same kind. A planned cancellation replaces all open changes.

    The caller has checked that the subscription's status allows the change.
    """
    lock_subscription(subscription)
    replaced = open_changes(subscription=subscription)
    if planned.kind != PendingChange.Kind.CANCEL:
        replaced = replaced.filter(kind=planned.kind)
    for earlier in replaced.select_related("subscription"):
        close(change=earlier, outcome=Outcome.REPLACED, actor=actor, at=at)
    change = PendingChange.objects.create(
        subscription=subscription, **_fields(planned), actor_kind=actor.kind, actor=actor.name, created_at=at
    )
    transitions.record(
        subscription=subscription,
        kind=PLANNED[planned.kind],
        actor=actor,
        at=at,
        reason=planned.reason,
        pending_change=str(change.pk),
    )
    return change


def close(*, change: PendingChange, outcome: PendingChange.Outcome, actor: Actor, at: dt.datetime) -> None:
    """Close an open change of the locked subscription without applying it, and record that.

    If the change waited for its payment, ``PlanChangeClosed`` is published, so that its order is canceled.
    """
    finish(change=change, outcome=outcome, at=at)
    if change.when == PendingChange.When.PAYMENT:
        publish(PlanChangeClosed(pending_change_id=change.pk, customer_id=change.subscription.customer_id))
    transitions.record(
        subscription=change.subscription,
        kind=Kind.PLANNED_CHANGE_CLOSED,
        actor=actor,
        at=at,
        reason=outcome,
        pending_change=str(change.pk),
    )


def close_all(*, subscription: Subscription, outcome: PendingChange.Outcome, actor: Actor, at: dt.datetime) -> None:
    """Close every open change of the locked subscription without applying it."""
    for change in open_changes(subscription=subscription).select_related("subscription"):
        close(change=change, outcome=outcome, actor=actor, at=at)


def finish(*, change: PendingChange, outcome: PendingChange.Outcome, at: dt.datetime) -> None:
    """Give the change its outcome. The caller records what happened to the subscription."""
    change.outcome, change.closed_at = outcome, at
    change.save(update_fields=["outcome", "closed_at"])


def _fields(planned: Planned) -> dict[str, Any]:
    return {field.name: getattr(planned, field.name) for field in fields(planned)}
