"""Start a subscription and change its status."""

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
    """Create a subscription whose first period starts at ``at``. It is incomplete until its first order is paid."""
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
    """Make an incomplete or past-due subscription active, because its period is paid. Other states do not change."""
    _move(subscription, (Status.INCOMPLETE, Status.PAST_DUE), Status.ACTIVE)


@transaction.atomic
def set_payment_method(*, subscription: Subscription, payment_method: str) -> None:
    """Charge later orders to this payment method, which has just paid one."""
    Subscription.objects.filter(pk=subscription.pk).update(payment_method=payment_method, updated_at=Now())


@transaction.atomic
def mark_past_due(*, subscription: Subscription) -> None:
    """Make an active or trialing subscription past due, because a payment failed. Other states do not change."""
    _move(subscription, (Status.ACTIVE, Status.TRIALING), Status.PAST_DUE)


@transaction.atomic
def pause(*, subscription: Subscription, reason: Subscription.StatusReason) -> bool:
    """Pause an active, trialing or past-due subscription: nothing is delivered or billed until it is resumed.

    Returns False and changes nothing in any other state.
    """
    return _move(subscription, (Status.ACTIVE, Status.TRIALING, Status.PAST_DUE), Status.PAUSED, reason)


@transaction.atomic
def resume(*, subscription: Subscription, paused_because: Subscription.StatusReason) -> bool:
    """Make a paused subscription active. Returns False if it is not paused, or was paused for another reason."""
    locked = locked_subscription(subscription_id=subscription.pk)
    if locked.status_reason != paused_because:
        return False
    return _move(subscription, (Status.PAUSED,), Status.ACTIVE)


@transaction.atomic
def cancel(*, subscription: Subscription, reason: Subscription.StatusReason, at: dt.datetime) -> bool:
    """End the subscription and publish ``SubscriptionCanceled``. Returns False if it had ended before."""
    not_ended = tuple(status for status in Status if status is not Status.CANCELED)
    if not _move(subscription, not_ended, Status.CANCELED, reason, canceled_at=at):
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
    # Lock it even if its status does not change, so that concurrent transactions read its orders one after the other.
    locked_subscription(subscription_id=subscription.pk)
    moved = Subscription.objects.filter(pk=subscription.pk, status__in=from_).update(
        status=to, status_reason=reason, canceled_at=canceled_at, updated_at=Now()
    )
    subscription.refresh_from_db(fields=["status", "status_reason", "canceled_at"])
    return bool(moved)
