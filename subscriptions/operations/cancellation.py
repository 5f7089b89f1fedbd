"""Plan the cancellation of a subscription for the end of its period, and undo what is planned.

A cancellation at once may refund money, so it lives in ``charges.operations.cancellation``.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from subscriptions.actors import Actor
from subscriptions.events import CancellationReceived
from subscriptions.models import PendingChange, Subscription
from subscriptions.operations import actions, commands, pending_changes
from subscriptions.operations.actions import Action
from subscriptions.operations.commands import Command
from subscriptions.operations.locks import locked_subscription
from subscriptions.operations.pending_changes import Planned
from subscriptions.operations.transitions import Kind


@transaction.atomic(durable=True)
def cancel_at_period_end(
    *, subscription_id: UUID, reason: str, actor: Actor, at: dt.datetime, command: Command | None = None
) -> bool:
    """Plan that the subscription ends with its current period. Every other planned change is replaced.

    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``, ``KeyReused``.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    actions.require(subscription=subscription, action=Action.CANCEL_AT_PERIOD_END, at=at)
    planned = Planned(kind=PendingChange.Kind.CANCEL, reason=reason)
    pending_changes.plan_change(subscription=subscription, planned=planned, actor=actor, at=at)
    confirm_receipt(subscription=subscription)
    return True


def confirm_receipt(*, subscription: Subscription) -> None:
    """Have a receipt sent for the cancellation that was just recorded for the locked subscription."""
    recorded = subscription.changes.filter(kind__in=(Kind.CANCEL_PLANNED, Kind.CANCELED)).latest("pk")
    publish(CancellationReceived(change_id=recorded.pk, customer_id=subscription.customer_id))


@transaction.atomic(durable=True)
def undo(*, subscription_id: UUID, actor: Actor, at: dt.datetime, command: Command | None = None) -> bool:
    """Withdraw the planned cancellation, pause and change of plan. There is no new order and no charge.

    If a change of plan waits for its payment, its order is canceled by a message.
    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``, ``KeyReused``.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    actions.require(subscription=subscription, action=Action.UNDO, at=at)
    for change in pending_changes.open_changes(subscription=subscription):
        if not actions.can_be_undone(change=change):
            continue
        change.subscription = subscription
        pending_changes.close(change=change, outcome=PendingChange.Outcome.WITHDRAWN, actor=actor, at=at)
    return True
