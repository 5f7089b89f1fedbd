"""Apply a change of plan or quantity whose order is paid, or drop it."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from orders import queries
from orders.models import Order, Quote
from orders.operations.locks import locked_subscription_of
from subscriptions.actors import Actor, ActorKind
from subscriptions.models import PendingChange, Subscription
from subscriptions.operations import boundaries, pending_changes, periods

Outcome = PendingChange.Outcome


def can_be_applied(*, order: Order) -> bool:
    """Whether the change of this order still waits for its payment, and the subscription is as it was quoted.

    If a payment for the period was refunded or charged back meanwhile, the quote credits money that the shop no longer
    has. Lock the subscription before relying on the answer.
    """
    change, quote = _change_of(order), _quote_of(order)
    subscription = change.subscription
    is_active = subscription.status == Subscription.Status.ACTIVE
    if change.closed_at is not None or not is_active or quote.period_number != subscription.period_number:
        return False
    paid = queries.paid_for_period(subscription=subscription)
    return paid is not None and paid.refunded == quote.refunded


@transaction.atomic
def apply_change(*, order: Order, at: dt.datetime) -> bool:
    """Give the subscription the price and quantity of the locked order's change.

    If the length of the periods changes, a new period begins at the time of the quote, and the order is its order.
    Returns False and changes nothing if the change was closed, or if the subscription was paused or canceled.
    """
    subscription = locked_subscription_of(order)
    if not can_be_applied(order=order):
        return False
    change = _change_of(order)
    actor = Actor(kind=ActorKind(change.actor_kind), name=change.actor)
    boundaries.apply_terms(subscription=subscription, change=change, actor=actor, at=at)
    quote = _quote_of(order)
    if quote.begins_period:
        order.period = periods.begin_period_early(subscription=subscription, start=quote.applies_at, at=at)
        order.save(update_fields=["period", "updated_at"])
    return True


def drop_change(*, order: Order, actor: Actor, at: dt.datetime) -> None:
    """Close the change of an order that is canceled, if it is still open. The subscription is locked."""
    change = _change_of(order)
    if change.closed_at is None:
        pending_changes.close(change=change, outcome=Outcome.DROPPED, actor=actor, at=at)


def _change_of(order: Order) -> PendingChange:
    assert order.pending_change_id is not None, "the database requires it"
    return PendingChange.objects.select_related("subscription", "price__plan").get(pk=order.pending_change_id)


def _quote_of(order: Order) -> Quote:
    return Quote.objects.get(pending_change=order.pending_change_id)
