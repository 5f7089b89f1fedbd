"""The actions of a customer on a subscription, by its status: one table for the API and for the operations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

from subscriptions.billing_periods import BillingCycle
from subscriptions.models import Hold, PendingChange, Subscription
from subscriptions.operations.price_changes import PRICE_CHANGE
from subscriptions.operations.transitions import Status


class Action(StrEnum):
    """An action on a subscription, as the API names it."""

    CHANGE = "change"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    UNSKIP = "unskip"
    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    CANCEL_NOW = "cancel_now"
    UNDO = "undo"
    REINSTATE = "reinstate"


BY_STATUS: Mapping[Status, frozenset[Action]] = {
    Status.INCOMPLETE: frozenset({Action.CANCEL_NOW}),
    Status.TRIALING: frozenset({Action.CHANGE, Action.CANCEL_AT_PERIOD_END, Action.CANCEL_NOW}),
    Status.ACTIVE: frozenset(
        {
            Action.CHANGE,
            Action.PAUSE,
            Action.SKIP,
            Action.UNSKIP,
            Action.CANCEL_AT_PERIOD_END,
            Action.CANCEL_NOW,
        }
    ),
    Status.PAST_DUE: frozenset({Action.CANCEL_NOW}),
    Status.PAUSED: frozenset({Action.RESUME, Action.CANCEL_NOW}),
    Status.CANCELED: frozenset({Action.REINSTATE}),
}
# A planned cancellation leaves these, in any status.
WHILE_CANCEL_IS_PLANNED = frozenset({Action.CANCEL_NOW, Action.UNDO})


class ActionNotAllowed(Exception):
    """The subscription does not allow this action now. The message names the allowed actions."""

    def __init__(self, subscription: Subscription, action: Action, allowed: frozenset[Action]) -> None:
        named = ", ".join(sorted(allowed)) or "none"
        super().__init__(
            f"The subscription is {subscription.status}, so {action} is not possible now. Possible actions: {named}."
        )


def allowed_actions(*, subscription: Subscription, at: dt.datetime) -> frozenset[Action]:
    """The actions that the subscription allows at this time.

    Prefetch ``pending_changes`` and ``holds``, or their open rows, and ``skips``, before you call this for many
    subscriptions.
    """
    allowed = set(BY_STATUS[Status(subscription.status)])
    planned = [change for change in subscription.pending_changes.all() if change.closed_at is None]
    if any(change.kind == PendingChange.Kind.CANCEL for change in planned):
        return WHILE_CANCEL_IS_PLANNED
    if any(can_be_undone(change=change) for change in planned):
        allowed.add(Action.UNDO)
    skips = sum(skip.period_number > subscription.period_number for skip in subscription.skips.all())
    if skips >= subscription.plan.max_skips:
        allowed.discard(Action.SKIP)
    if skips == 0:
        allowed.discard(Action.UNSKIP)
    if not _is_paused_by_customer(subscription):
        allowed.discard(Action.RESUME)
    if not _can_come_back(subscription, at=at):
        allowed.discard(Action.REINSTATE)
    return frozenset(allowed)


def require(*, subscription: Subscription, action: Action, at: dt.datetime) -> None:
    """Raise ``ActionNotAllowed`` unless the locked subscription allows the action at this time."""
    allowed = allowed_actions(subscription=subscription, at=at)
    if action not in allowed:
        raise ActionNotAllowed(subscription, action, allowed)


def can_be_undone(*, change: PendingChange) -> bool:
    """Whether the customer can withdraw the open change. A move to another price belongs to the shop."""
    return change.kind != PendingChange.Kind.PLAN or change.reason != PRICE_CHANGE


def _is_paused_by_customer(subscription: Subscription) -> bool:
    return any(
        hold.lifted_at is None and hold.reason == Hold.Reason.CUSTOMER for hold in subscription.holds.all()
    )


def _can_come_back(subscription: Subscription, *, at: dt.datetime) -> bool:
    """Whether at most one period has passed since the end of the subscription."""
    if subscription.canceled_at is None:
        return False
    since = BillingCycle(
        anchor_at=subscription.canceled_at,
        time_zone=subscription.time_zone,
        interval=subscription.price.billing_interval,
    )
    return at <= since.boundary(1)
