"""Skip coming deliveries, and undo that. The dates of the other deliveries stay as they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from subscriptions.actors import Actor
from subscriptions.billing_periods import Period
from subscriptions.models import Skip, Subscription
from subscriptions.operations import actions, commands, transitions
from subscriptions.operations.actions import Action
from subscriptions.operations.commands import Command
from subscriptions.operations.locks import locked_subscription
from subscriptions.operations.transitions import Kind

# How many coming periods a customer sees and can skip.
MAX_COMING = 6


class UnableToSkip(Exception):
    """The period cannot be skipped, or its skip cannot be undone. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingPeriod:
    """A period that has not begun. ``cut_off_at``: from this time on, its delivery cannot be changed."""

    number: int
    start: dt.datetime
    end: dt.datetime
    cut_off_at: dt.datetime
    is_skipped: bool


def coming_periods(*, subscription: Subscription) -> Sequence[ComingPeriod]:
    """The next periods with a delivery. Empty if nothing is shipped, or while the subscription does not renew."""
    if subscription.plan.is_digital or subscription.renews_at is None:
        return []
    skipped = {skip.period_number for skip in subscription.skips.all()}
    first = subscription.period_number + 1
    return [
        _coming(subscription, subscription.period(number), is_skipped=number in skipped)
        for number in range(first, first + MAX_COMING)
    ]


@transaction.atomic(durable=True)
def skip(
    *, subscription_id: UUID, period_number: int, actor: Actor, at: dt.datetime, command: Command | None = None
) -> bool:
    """Skip a coming period: it is neither billed nor delivered, and the one after it keeps its date.

    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``,
    ``UnableToSkip`` and ``KeyReused``.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    actions.require(subscription=subscription, action=Action.SKIP, at=at)
    if _changeable(subscription, period_number, at=at).is_skipped:
        raise UnableToSkip(f"Period {period_number} is skipped already.")
    Skip.objects.create(
        subscription=subscription,
        period_number=period_number,
        actor_kind=actor.kind,
        actor=actor.name,
        created_at=at,
    )
    transitions.record(
        subscription=subscription, kind=Kind.PERIOD_SKIPPED, actor=actor, at=at, period_number=period_number
    )
    return True


@transaction.atomic(durable=True)
def unskip(
    *, subscription_id: UUID, period_number: int, actor: Actor, at: dt.datetime, command: Command | None = None
) -> bool:
    """Undo the skip of a coming period: it is billed and delivered again.

    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``,
    ``UnableToSkip`` and ``KeyReused``.
    """
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    actions.require(subscription=subscription, action=Action.UNSKIP, at=at)
    if not _changeable(subscription, period_number, at=at).is_skipped:
        raise UnableToSkip(f"Period {period_number} is not skipped.")
    Skip.objects.filter(subscription=subscription, period_number=period_number).delete()
    transitions.record(
        subscription=subscription, kind=Kind.SKIP_UNDONE, actor=actor, at=at, period_number=period_number
    )
    return True


def next_cut_off(*, subscription: Subscription) -> dt.datetime:
    """From this time on, the delivery of the next period cannot be changed."""
    return subscription.current_period_end - dt.timedelta(hours=subscription.plan.cut_off_hours)


def _changeable(subscription: Subscription, number: int, *, at: dt.datetime) -> ComingPeriod:
    """The coming period with this number, before its cut-off."""
    coming = {period.number: period for period in coming_periods(subscription=subscription)}
    if number not in coming:
        numbers = f"{min(coming)} to {max(coming)}" if coming else "none"
        raise UnableToSkip(f"Period {number} is not one of the coming periods. These are: {numbers}.")
    if at >= coming[number].cut_off_at:
        cut_off = coming[number].cut_off_at.isoformat()
        raise UnableToSkip(f"Period {number} could be changed until {cut_off}. Choose a later one.")
    return coming[number]


def _coming(subscription: Subscription, period: Period, *, is_skipped: bool) -> ComingPeriod:
    return ComingPeriod(
        number=period.number,
        start=period.start,
        end=period.end,
        cut_off_at=period.start - dt.timedelta(hours=subscription.plan.cut_off_hours),
        is_skipped=is_skipped,
    )
