"""Starting a subscription and moving it through its states."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from integrations.outbox.events import publish
from subscriptions.events import SubscriptionCanceled
from subscriptions.models import Customer, Plan, Subscription
from subscriptions.operations.locks import locked_subscription

Status = Subscription.Status


@transaction.atomic
def start_subscription(
    *,
    customer: Customer,
    plan: Plan,
    quantity: int,
    payment_method: str,
    shipping_address: dict[str, Any] | None,
    at: dt.datetime,
) -> Subscription:
    """A new subscription, incomplete until its first order is paid; its first period starts at ``at``."""
    return Subscription.objects.create(
        customer=customer,
        plan=plan,
        quantity=quantity,
        payment_method=payment_method,
        shipping_address=shipping_address,
        current_period_start=at,
        current_period_end=plan.period_end(at),
    )


@transaction.atomic
def activate(*, subscription: Subscription) -> None:
    """Its period is paid: an incomplete or past-due subscription is active. Any other is left as it is."""
    _move(subscription, (Status.INCOMPLETE, Status.PAST_DUE), Status.ACTIVE)


@transaction.atomic
def use_card(*, subscription: Subscription, payment_method: str) -> None:
    """Later orders are charged to this card, which has paid one."""
    Subscription.objects.filter(pk=subscription.pk).update(payment_method=payment_method, updated_at=Now())


@transaction.atomic
def mark_past_due(*, subscription: Subscription) -> None:
    """Its period is not paid: an active or trialing subscription is past due. One that never began stays incomplete."""
    _move(subscription, (Status.ACTIVE, Status.TRIALING), Status.PAST_DUE)


@transaction.atomic
def pause(*, subscription: Subscription, reason: Subscription.StatusReason) -> bool:
    """Nothing is delivered or billed until it is resumed; False where it has not begun, is paused, or has ended."""
    return _move(subscription, (Status.ACTIVE, Status.TRIALING, Status.PAST_DUE), Status.PAUSED, reason)


@transaction.atomic
def resume(*, subscription: Subscription, paused_because: Subscription.StatusReason) -> bool:
    """It is active again; False where it is not paused, or was for another reason."""
    locked = locked_subscription(subscription_id=subscription.pk)
    if locked.status_reason != paused_because:
        return False
    return _move(subscription, (Status.PAUSED,), Status.ACTIVE)


@transaction.atomic
def cancel(*, subscription: Subscription, reason: Subscription.StatusReason, at: dt.datetime) -> bool:
    """It ends now, and its unpaid orders are called off; False where it had ended before."""
    living = tuple(status for status in Status if status is not Status.CANCELED)
    if not _move(subscription, living, Status.CANCELED, reason, canceled_at=at):
        return False
    publish(SubscriptionCanceled(subscription_id=subscription.pk, customer_id=subscription.customer_id))
    return True


def _move(
    subscription: Subscription,
    from_: tuple[Subscription.Status, ...],
    to: Subscription.Status,
    reason: str = "",
    *,
    canceled_at: dt.datetime | None = None,
) -> bool:
    # Locked also where it does not move: whoever is about to move it looks at its orders only after us.
    locked_subscription(subscription_id=subscription.pk)
    moved = Subscription.objects.filter(pk=subscription.pk, status__in=from_).update(
        status=to, status_reason=reason, canceled_at=canceled_at, updated_at=Now()
    )
    subscription.refresh_from_db(fields=["status", "status_reason", "canceled_at"])
    return bool(moved)
