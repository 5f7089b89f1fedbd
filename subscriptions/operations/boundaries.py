"""Apply planned changes at the end of a period, before the next one begins.

The order is: a planned cancellation, then a planned pause, then a planned change of the plan. The first two leave no
next period. A change of the plan that still waits for its payment is dropped: it was for the period that ends.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from integrations.outbox.events import publish
from subscriptions import actors
from subscriptions.actors import Actor, ActorKind
from subscriptions.events import PlanChanged
from subscriptions.models import PendingChange, Skip, Subscription
from subscriptions.operations import holds, pending_changes, periods, subscriptions, transitions
from subscriptions.operations.locks import locked_ended_while_paused
from subscriptions.operations.price_changes import PRICE_CHANGE
from subscriptions.operations.transitions import Kind, Status

Outcome = PendingChange.Outcome
When = PendingChange.When

ACTOR = actors.system("subscriptions.renewals")
BY_PRIORITY = (PendingChange.Kind.CANCEL, PendingChange.Kind.PAUSE, PendingChange.Kind.PLAN)


def apply_planned_changes(*, due: Sequence[Subscription], at: dt.datetime) -> list[Subscription]:
    """Apply the changes that wait for the end of the periods of these locked subscriptions.

    Return the subscriptions that go on with another period. The boundary may have passed some time ago: a change with
    notice is not applied if the period that is billed next began before the notice ended.
    """
    planned = _planned_for(due, at=at)
    return [
        subscription
        for subscription in due
        if _goes_on(subscription, _after_notice(subscription, planned.get(subscription.pk, ()), at=at), at=at)
    ]


def apply_before_new_cycle(*, subscription: Subscription, at: dt.datetime) -> bool:
    """Apply the planned changes of a locked subscription whose next period begins now, after a pause.

    Return whether it goes on with another period.
    """
    planned = _planned_for([subscription], at=at)
    return _goes_on(subscription, planned.get(subscription.pk, ()), at=at)


@transaction.atomic(durable=True)
def cancel_ended(*, at: dt.datetime, batch: int = 500) -> int:
    """Apply the planned cancellations of at most ``batch`` paused subscriptions whose period has ended.

    A paused subscription does not renew, so the end of its period is not due otherwise. Returns how many it found.
    """
    ended = locked_ended_while_paused(at=at, batch=batch)
    apply_planned_changes(due=ended, at=at)
    return len(ended)


def skipped_periods(*, of: Sequence[Subscription]) -> set[tuple[UUID, int]]:
    """The periods of these subscriptions that their customers skip: pairs of subscription id and period number."""
    rows = Skip.objects.filter(subscription__in=of)
    return set(rows.values_list("subscription_id", "period_number"))


def _planned_for(due: Sequence[Subscription], *, at: dt.datetime) -> Mapping[UUID, list[PendingChange]]:
    may_apply = Q(when=When.PAYMENT) | Q(not_before=None) | Q(not_before__lte=at)
    waiting = PendingChange.objects.select_related("price__plan").filter(
        may_apply, subscription__in=due, closed_at=None
    )
    planned: defaultdict[UUID, list[PendingChange]] = defaultdict(list)
    for change in sorted(waiting, key=lambda change: BY_PRIORITY.index(PendingChange.Kind(change.kind))):
        planned[change.subscription_id].append(change)
    return planned


def _after_notice(
    subscription: Subscription, planned: Sequence[PendingChange], *, at: dt.datetime
) -> list[PendingChange]:
    """The changes that may apply to the period that contains ``at``."""
    if not any(change.not_before for change in planned):
        return list(planned)
    begins = max(subscription.period_at(at).start, subscription.current_period_end)
    return [change for change in planned if change.not_before is None or change.not_before <= begins]


def _goes_on(subscription: Subscription, planned: Sequence[PendingChange], *, at: dt.datetime) -> bool:
    for change in planned:
        change.subscription = subscription
        if change.when == When.PAYMENT:
            pending_changes.close(change=change, outcome=Outcome.DROPPED, actor=ACTOR, at=at)
        elif not _apply(subscription, change, at=at):
            return False
    return True


def _apply(subscription: Subscription, change: PendingChange, *, at: dt.datetime) -> bool:
    """Apply the change. Return whether the subscription has a next period."""
    actor = Actor(kind=ActorKind(change.actor_kind), name=change.actor)
    if change.kind == PendingChange.Kind.CANCEL:
        pending_changes.finish(change=change, outcome=Outcome.APPLIED, at=at)
        subscriptions.cancel(subscription=subscription, reason=change.reason, actor=actor, at=at)
        return False
    if change.kind == PendingChange.Kind.PAUSE:
        return not _pause(subscription, change, actor=actor, at=at)
    if change.not_before is not None and subscription.renews_at is not None:
        # After an outage, the change begins with the period that it was announced for, and not with an earlier one.
        periods.miss_until(subscription=subscription, boundary=change.not_before, at=at)
    apply_terms(subscription=subscription, change=change, actor=actor, at=at)
    return True


def _pause(subscription: Subscription, change: PendingChange, *, actor: Actor, at: dt.datetime) -> bool:
    """Pause the subscription from the end of its period on. Return whether it is paused.

    A subscription that owes a payment is not paused, and a pause that has ended before it began is dropped.
    """
    begins = subscription.current_period_end
    if subscription.status == Status.PAST_DUE or (change.lift_at is not None and change.lift_at <= begins):
        pending_changes.close(change=change, outcome=Outcome.DROPPED, actor=actor, at=at)
        return False
    pending_changes.finish(change=change, outcome=Outcome.APPLIED, at=at)
    return holds.place_hold(
        subscription=subscription, reason=holds.reason_for(actor), actor=actor, at=begins, lift_at=change.lift_at
    )


def apply_terms(*, subscription: Subscription, change: PendingChange, actor: Actor, at: dt.datetime) -> None:
    """Give the locked subscription the price and quantity of the change.

    If the length of the periods changes, the end of the current period is the new anchor. Skips of later periods end
    then, and if nothing is delivered any more. ``PlanChanged`` is published, unless the shop moves the subscription to
    another price, which was announced.
    """
    assert change.price is not None and change.quantity is not None, "the database requires both"
    before, before_quantity = subscription.price, subscription.quantity
    subscription.price, subscription.plan, subscription.quantity = change.price, change.price.plan, change.quantity
    if change.price.billing_interval != before.billing_interval:
        subscription.anchor_at = subscription.current_period_end
        subscription.anchor_number = subscription.period_number + 1
        periods.forget_coming_skips(subscription=subscription)
    elif subscription.plan.is_digital:
        periods.forget_coming_skips(subscription=subscription)
    subscription.save(update_fields=["price", "plan", "quantity", "anchor_at", "anchor_number", "updated_at"])
    pending_changes.finish(change=change, outcome=Outcome.APPLIED, at=at)
    transitions.record(
        subscription=subscription,
        kind=Kind.PLAN_CHANGED,
        actor=actor,
        at=at,
        reason=change.reason,
        pending_change=str(change.pk),
        from_price=str(before.pk),
        to_price=str(change.price_id),
        from_quantity=before_quantity,
        to_quantity=change.quantity,
    )
    if change.reason != PRICE_CHANGE:
        publish(PlanChanged(pending_change_id=change.pk, customer_id=subscription.customer_id))
