"""Move running subscriptions to another version of their plan's price, with notice.

Nothing changes at once. The move waits as a planned change for the first boundary that lies at least
``PRICE_CHANGE_NOTICE_DAYS`` ahead, and a message announces it. If the customer plans another change meanwhile, that one
replaces the move; staff can move the subscription again.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.outbox.events import publish
from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.events import PriceChangePlanned, PriceMoveRequested
from subscriptions.models import PendingChange, Price, Subscription
from subscriptions.money import MAX_AMOUNT
from subscriptions.operations import pending_changes
from subscriptions.operations.locks import lock_subscription
from subscriptions.operations.pending_changes import Planned
from subscriptions.operations.transitions import Status

logger = logging.getLogger(__name__)

# The reason of such a planned change. It distinguishes it from a change that the customer planned.
PRICE_CHANGE = "price_change"
RUNNING = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)

BATCH = 200
# A run leaves the rest to the next message, well before the time limit of its task.
MAX_RUN_SECONDS = 30.0


@transaction.atomic
def request_move(*, price: Price, staff_id: UUID) -> int:
    """Have all running subscriptions to the price's plan moved to this price. Return how many there are now.

    ``staff_id``: the login of the member of staff who moves them.
    """
    number = to_move(price=price).count()
    if number:
        publish(PriceMoveRequested(price_id=price.pk, staff_id=staff_id))
    return number


def move_all(*, price_id: UUID, staff_id: UUID, at: dt.datetime) -> int:
    """Plan the move of the subscriptions to this price, and return their number. A later message moves the rest."""
    price, actor, began, moved = Price.objects.get(pk=price_id), actors.staff(staff_id), time.monotonic(), 0
    while time.monotonic() - began < MAX_RUN_SECONDS:
        batch = list(to_move(price=price).order_by("pk")[:BATCH])
        for subscription in batch:
            moved += move_to_price(subscription=subscription, price=price, actor=actor, at=at)
        if len(batch) < BATCH:
            logger.info("%d subscriptions were moved to price %s.", moved, price)
            return moved
    with transaction.atomic():
        publish(PriceMoveRequested(price_id=price_id, staff_id=staff_id))
    return moved


@transaction.atomic
def move_to_price(*, subscription: Subscription, price: Price, actor: Actor, at: dt.datetime) -> bool:
    """Plan that the subscription has this price from a later period on, and announce it.

    Returns False and changes nothing if it cannot be moved (any more); see ``to_move``.
    """
    lock_subscription(subscription)
    if not to_move(price=price).filter(pk=subscription.pk).exists():
        return False
    planned = Planned(
        kind=PendingChange.Kind.PLAN,
        price=price,
        quantity=subscription.quantity,
        not_before=first_boundary_after_notice(subscription=subscription, at=at),
        reason=PRICE_CHANGE,
    )
    change = pending_changes.plan_change(subscription=subscription, planned=planned, actor=actor, at=at)
    publish(PriceChangePlanned(pending_change_id=change.pk, customer_id=subscription.customer_id))
    return True


def to_move(*, price: Price) -> QuerySet[Subscription]:
    """The running subscriptions to the price's plan that have an earlier version of its price in the same currency.

    Left out are those that end anyway, those whose customer has planned another change, those that move to this price
    already, and those whose quantity would cost more than Stripe charges.
    """
    changes = PendingChange.objects.filter(subscription=OuterRef("pk"), closed_at=None)
    of_plan = Q(kind=PendingChange.Kind.PLAN) & (~Q(reason=PRICE_CHANGE) | Q(price__version__gte=price.version))
    running = Subscription.objects.filter(
        plan=price.plan_id,
        price__currency=price.currency,
        price__version__lt=price.version,  # a late message brings no older price back
        status__in=RUNNING,
        quantity__lte=MAX_AMOUNT // price.amount,  # Stripe charges no more
    )
    return running.exclude(Exists(changes.filter(Q(kind=PendingChange.Kind.CANCEL) | of_plan)))


def first_boundary_after_notice(*, subscription: Subscription, at: dt.datetime) -> dt.datetime:
    """The first boundary of the subscription that lies at least ``PRICE_CHANGE_NOTICE_DAYS`` after ``at``."""
    notice_ends = at + dt.timedelta(days=settings.PRICE_CHANGE_NOTICE_DAYS)
    boundary, number = subscription.current_period_end, subscription.period_number
    while boundary < notice_ends:
        number += 1
        boundary = subscription.period(number).end
    return boundary
