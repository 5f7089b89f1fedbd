"""Active subscriptions, and the status of a subscription with its reason, read and set directly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import F
from django.utils import timezone

from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.models import Hold, Plan, Subscription
from tests.support.days import Days
from tests.support.deliveries import capture
from tests.support.factories import place_order

TESTS: Actor = actors.system("tests")
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def subscribed(days: Days, *, plan: Mapping[str, Any] | None = None, **order: Any) -> Subscription:
    """An active subscription, whose first order is paid. ``plan``: fields of its plan; ``order``: of the order."""
    placed = place_order(**order)
    Plan.objects.filter(pk=placed.subscription.plan_id).update(**(plan or {}))
    capture(placed, at=days.now)
    days.settle()
    subscription: Subscription = Subscription.objects.get(pk=placed.subscription_id)
    assert subscription.status == "active"
    return subscription


def status_and_reason(subscription: Subscription) -> tuple[str, str]:
    """The status, and why the subscription is paused (its open holds) or canceled."""
    stored = Subscription.objects.get(pk=subscription.pk)
    if stored.status == "canceled":
        return stored.status, stored.cancel_reason
    open_holds = stored.holds.filter(lifted_at=None).order_by("reason").values_list("reason", flat=True)
    return stored.status, ",".join(open_holds)


def put_in_status(status: str, *reasons: str, subscription: Subscription | None = None) -> None:
    """Give this subscription, or all of them, a status without an operation. ``reasons`` are those of open holds."""
    subscriptions = Subscription.objects.all()
    if subscription is not None:
        subscriptions = subscriptions.filter(pk=subscription.pk)
    canceled = status == "canceled"
    subscriptions.update(
        status=status,
        canceled_at=LONG_AGO if canceled else None,
        cancel_reason=reasons[0] if canceled and reasons else "",
        renews_at=None if canceled else F("current_period_end"),
    )
    Hold.objects.filter(subscription__in=subscriptions).delete()
    if status == "paused":
        for row in subscriptions:
            for reason in reasons:
                placed = {"placed_at": timezone.now(), "placed_by_kind": "system", "placed_by": "tests"}
                Hold.objects.create(subscription=row, reason=reason, **placed)
