"""Pause a subscription for its customer or for staff, and resume it early."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from orders.models import AWAITING_PAYMENT, Order
from orders.operations.holds import lift_hold
from subscriptions.actors import Actor, ActorKind
from subscriptions.models import Hold, PendingChange, Subscription
from subscriptions.operations import actions, commands, holds, pending_changes
from subscriptions.operations.actions import Action, ActionNotAllowed
from subscriptions.operations.commands import Command
from subscriptions.operations.locks import locked_subscription
from subscriptions.operations.pending_changes import Planned

# The longest pause with a planned end. A pause without one can be longer.
MAX_PAUSE = dt.timedelta(days=366)


class UnpaidOrder(Exception):
    """An order of the subscription awaits payment, so the subscription cannot be paused."""

    def __init__(self) -> None:
        super().__init__("An order awaits payment. Pause the subscription when it is paid.")


class UnsuitableEnd(Exception):
    """The planned end of the pause is not after its beginning, or too late. The message says what is possible."""


@transaction.atomic(durable=True)
def pause_now(
    *,
    subscription_id: UUID,
    resume_at: dt.datetime | None,
    actor: Actor,
    at: dt.datetime,
    command: Command | None = None,
) -> bool:
    """Pause the subscription now, until ``resume_at`` or until it is resumed. It replaces a planned pause.

    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``,
    ``UnpaidOrder``, ``UnsuitableEnd`` and ``KeyReused``.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    _check(subscription, begins=at, resume_at=resume_at, at=at)
    planned = pending_changes.open_change(subscription=subscription, kind=PendingChange.Kind.PAUSE)
    if planned is not None:
        pending_changes.close(change=planned, outcome=PendingChange.Outcome.REPLACED, actor=actor, at=at)
    holds.place_hold(
        subscription=subscription, reason=holds.reason_for(actor), actor=actor, at=at, lift_at=resume_at
    )
    return True


@transaction.atomic(durable=True)
def pause_at_period_end(
    *,
    subscription_id: UUID,
    resume_at: dt.datetime | None,
    actor: Actor,
    at: dt.datetime,
    command: Command | None = None,
) -> bool:
    """Plan a pause from the end of the current period on, until ``resume_at`` or until it is resumed.

    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``,
    ``UnpaidOrder``, ``UnsuitableEnd`` and ``KeyReused``.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    _check(subscription, begins=subscription.current_period_end, resume_at=resume_at, at=at)
    planned = Planned(kind=PendingChange.Kind.PAUSE, lift_at=resume_at)
    pending_changes.plan_change(subscription=subscription, planned=planned, actor=actor, at=at)
    return True


@transaction.atomic(durable=True)
def resume(*, subscription_id: UUID, actor: Actor, at: dt.datetime, command: Command | None = None) -> bool:
    """Lift the hold of the customer; staff lift their own one as well. Holds for other reasons stay open.

    Before the paid period ends, it goes on without a charge. Later a new period begins now, and is charged. Returns
    False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed`` and ``KeyReused``.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    by_staff = actor.kind == ActorKind.STAFF
    reasons = (Hold.Reason.CUSTOMER, Hold.Reason.STAFF) if by_staff else (Hold.Reason.CUSTOMER,)
    lifted = [lift_hold(subscription=subscription, reason=reason, actor=actor, at=at) for reason in reasons]
    if not any(lifted):
        allowed = actions.allowed_actions(subscription=subscription, at=at)
        raise ActionNotAllowed(subscription, Action.RESUME, allowed)
    return True


def _check(subscription: Subscription, *, begins: dt.datetime, resume_at: dt.datetime | None, at: dt.datetime) -> None:
    actions.require(subscription=subscription, action=Action.PAUSE, at=at)
    if resume_at is not None and not begins < resume_at <= begins + MAX_PAUSE:
        raise UnsuitableEnd(
            f"Must be after {begins.isoformat()}, when the pause begins, and within {MAX_PAUSE.days} days from then."
        )
    # The subscription is locked, so no order can be placed meanwhile.
    if Order.objects.filter(subscription=subscription, status__in=AWAITING_PAYMENT).exists():
        raise UnpaidOrder
