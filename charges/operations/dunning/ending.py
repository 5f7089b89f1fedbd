"""End dunning runs: the order is paid, there is nothing to collect any more, or the schedule is exhausted."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from charges.events import DunningExhausted
from charges.models import Charge, DunningRun, DunningStep
from charges.operations import locks
from integrations.outbox.events import publish
from orders.models import Order
from orders.operations import cancellation
from subscriptions import actors
from subscriptions.models import Hold, Plan, Subscription
from subscriptions.operations import holds, subscriptions
from subscriptions.operations.locks import lock_subscription

ACTOR = actors.system("charges.dunning")
UNPAID = Hold.Reason.UNPAID


@transaction.atomic
def recover(*, order: Order, at: dt.datetime) -> None:
    """End the order's run, if it has one: the order is paid."""
    _end(DunningRun.objects.filter(order=order), DunningRun.Status.RECOVERED, at=at)


@transaction.atomic
def stop(*, order_id: UUID, reason: str, at: dt.datetime) -> int:
    """Stop the order's run: there is nothing to collect any more. Return how many runs that ended, 0 or 1."""
    return _end(DunningRun.objects.filter(order=order_id), DunningRun.Status.STOPPED, reason=reason, at=at)


@transaction.atomic
def stop_for_subscription(*, subscription_id: UUID, reason: str, at: dt.datetime) -> int:
    """Stop all runs of a subscription. Return how many runs that ended."""
    runs = DunningRun.objects.filter(order__subscription=subscription_id)
    return _end(runs, DunningRun.Status.STOPPED, reason=reason, at=at)


@transaction.atomic
def stop_for_ended_subscription(*, subscription_id: UUID, at: dt.datetime) -> int:
    """Stop all runs of a subscription that has ended. Return how many runs that ended.

    Does nothing if the subscription was reinstated meanwhile.
    """
    ended = Subscription.objects.filter(pk=subscription_id, status=Subscription.Status.CANCELED)
    runs = DunningRun.objects.filter(order__subscription__in=ended)
    return _end(runs, DunningRun.Status.STOPPED, reason="subscription_canceled", at=at)


@transaction.atomic
def stop_for_customer(*, customer_id: UUID, reason: str, at: dt.datetime) -> int:
    """Stop all runs of a customer, for example before an erasure. Return how many runs that ended."""
    runs = DunningRun.objects.filter(order__customer=customer_id)
    return _end(runs, DunningRun.Status.STOPPED, reason=reason, at=at)


def exhaust(*, run: DunningRun, charge: Charge, at: dt.datetime) -> None:
    """End the run of the locked charge, and apply the plan's policy for unpaid orders.

    Does nothing if another transaction has ended the run.
    """
    if not _end(DunningRun.objects.filter(pk=run.pk), DunningRun.Status.EXHAUSTED, at=at):
        return
    order = charge.order
    publish(DunningExhausted(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    if run.unpaid_policy == Plan.UnpaidPolicy.PAST_DUE:
        return
    _pause_or_cancel(order.subscription, policy=run.unpaid_policy, at=at)
    cancellation.cancel_unpaid(order=order, at=at)


def _pause_or_cancel(subscription: Subscription, *, policy: str, at: dt.datetime) -> None:
    """A subscription that never began cannot be paused, so it is canceled under either policy."""
    lock_subscription(subscription)
    if policy == Plan.UnpaidPolicy.PAUSE and holds.can_be_held(subscription=subscription):
        holds.place_hold(subscription=subscription, reason=UNPAID, actor=ACTOR, at=at)
    else:
        subscriptions.cancel(subscription=subscription, reason=UNPAID, actor=ACTOR, at=at)


def cancel_other_unpaid_orders(*, order_id: UUID, at: dt.datetime) -> int:
    """Cancel the other unpaid orders of a subscription that was paused after its dunning. Return how many.

    This runs after the transaction that ended the dunning: that one locked the subscription, and orders must be locked
    before the subscription. If the subscription was resumed meanwhile, nothing is canceled.
    """
    subscription = Order.objects.select_related("subscription").get(pk=order_id).subscription
    if not holds.has_open_hold(subscription=subscription, reason=UNPAID):
        return 0
    return cancellation.cancel_unpaid_of(subscription_id=subscription.pk, at=at)


def _end(runs: QuerySet[DunningRun], status: DunningRun.Status, *, reason: str = "", at: dt.datetime) -> int:
    ids = locks.locked_active_runs(runs)
    planned = DunningStep.objects.filter(run__in=ids, status=DunningStep.Status.PLANNED)
    planned.update(status=DunningStep.Status.DROPPED, done_at=at)
    DunningRun.objects.filter(pk__in=ids).update(status=status, reason=reason, ended_at=at, updated_at=at)
    return len(ids)
