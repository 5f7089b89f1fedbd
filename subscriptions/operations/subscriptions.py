"""Start a subscription, follow its payments, and cancel it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from integrations.outbox.events import publish
from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.billing_periods import BillingCycle, Interval, Unit
from subscriptions.events import SubscriptionCanceled
from subscriptions.models import BillingPeriod, Customer, PendingChange, Price, Subscription
from subscriptions.operations import holds, pending_changes, transitions, trial_uses
from subscriptions.operations.locks import lock_subscription
from subscriptions.operations.periods import begin_after_cancellation, record_first_period
from subscriptions.operations.transitions import Kind, Status

TRIAL_USED = "trial_used"
BILLABLE = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """The terms of a new subscription. ``trial_days``: the length of the trial that comes first, or 0."""

    price: Price
    quantity: int
    payment_method: str
    shipping_address: dict[str, Any] | None
    time_zone: str
    trial_days: int = 0


def is_billable(*, subscription: Subscription) -> bool:
    """Whether the shop may bill the subscription: it has begun, has not ended, and no hold is open."""
    return subscription.status in BILLABLE


@transaction.atomic
def start_subscription(*, customer: Customer, purchase: Purchase, at: dt.datetime) -> BillingPeriod:
    """Create a subscription and its first billing period, which starts at ``at``. Return the period.

    The subscription is incomplete until the order of the period is paid. The periods after a trial are counted from the
    trial's end.
    """
    price, trial_days = purchase.price, purchase.trial_days
    interval = Interval(unit=Unit.DAY, count=trial_days) if trial_days else price.billing_interval
    first = BillingCycle(anchor_at=at, time_zone=purchase.time_zone, interval=interval).period(0)
    subscription = Subscription.objects.create(
        customer=customer,
        plan=price.plan,
        price=price,
        quantity=purchase.quantity,
        payment_method=purchase.payment_method,
        shipping_address=purchase.shipping_address,
        time_zone=purchase.time_zone,
        anchor_at=first.end if trial_days else first.start,
        anchor_number=1 if trial_days else 0,
        current_period_start=first.start,
        current_period_end=first.end,
        renews_at=first.end,
    )
    transitions.record_start(subscription=subscription, actor=actors.customer(customer.pk), at=at)
    outcome = BillingPeriod.Outcome.TRIAL if trial_days else BillingPeriod.Outcome.BILLED
    return record_first_period(subscription=subscription, outcome=outcome, at=at)


@transaction.atomic
def activate(*, subscription: Subscription, actor: Actor, at: dt.datetime) -> bool:
    """Make the subscription active, because its period is paid.

    Returns False if it was not incomplete, trialing or past due.
    """
    lock_subscription(subscription)
    if subscription.status not in (Status.INCOMPLETE, Status.TRIALING, Status.PAST_DUE):
        return False
    transitions.change_status(
        subscription=subscription, to=Status.ACTIVE, kind=Kind.ACTIVATED, actor=actor, at=at
    )
    return True


@transaction.atomic
def mark_past_due(*, subscription: Subscription, actor: Actor, at: dt.datetime) -> bool:
    """Make an active or trialing subscription past due, because a payment failed. Returns False in other states."""
    lock_subscription(subscription)
    if subscription.status not in (Status.ACTIVE, Status.TRIALING):
        return False
    transitions.change_status(
        subscription=subscription, to=Status.PAST_DUE, kind=Kind.PAYMENT_FAILED, actor=actor, at=at
    )
    return True


@transaction.atomic
def set_payment_method(*, subscription: Subscription, payment_method: str, actor: Actor, at: dt.datetime) -> None:
    """Charge later orders to this payment method, which has just paid one."""
    lock_subscription(subscription)
    subscription.payment_method = payment_method
    subscription.save(update_fields=["payment_method", "updated_at"])
    transitions.record(subscription=subscription, kind=Kind.PAYMENT_METHOD_CHANGED, actor=actor, at=at)


@transaction.atomic
def cancel(*, subscription: Subscription, reason: str, actor: Actor, at: dt.datetime, **details: Any) -> bool:
    """End the subscription and publish ``SubscriptionCanceled``. Returns False if it had ended before.

    If its trial never began, its address may begin another one, unless the card was used for a trial before.
    ``details`` are recorded with the change: ids and small values, nothing personal.
    """
    lock_subscription(subscription)
    if subscription.status == Status.CANCELED:
        return False
    # A later period means that a reinstatement was not paid: the trial has been used.
    never_began = subscription.status == Status.INCOMPLETE and subscription.period_number == 0
    if never_began and reason != TRIAL_USED:
        trial_uses.release_address(subscription=subscription)
    subscription.canceled_at, subscription.cancel_reason, subscription.renews_at = at, reason[:40], None
    subscription.save(update_fields=["canceled_at", "cancel_reason", "renews_at", "updated_at"])
    holds.close_all_holds(subscription=subscription, actor=actor, at=at)
    pending_changes.close_all(subscription=subscription, outcome=PendingChange.Outcome.DROPPED, actor=actor, at=at)
    transitions.change_status(
        subscription=subscription,
        to=Status.CANCELED,
        kind=Kind.CANCELED,
        actor=actor,
        at=at,
        reason=reason,
        **details,
    )
    publish(SubscriptionCanceled(subscription_id=subscription.pk, customer_id=subscription.customer_id))
    return True


@transaction.atomic
def reinstate(*, subscription: Subscription, price: Price, actor: Actor, at: dt.datetime) -> BillingPeriod:
    """Let a canceled subscription begin again, at this price and without a trial. Return its new period, which is due.

    The period begins now and is the new anchor. The subscription is incomplete until its order is paid. Raises
    ``TransitionNotAllowed``.
    """
    lock_subscription(subscription)
    transitions.change_status(
        subscription=subscription,
        to=Status.INCOMPLETE,
        kind=Kind.REINSTATED,
        actor=actor,
        at=at,
        ended_period=subscription.period_number,
        from_price=str(subscription.price_id),
        to_price=str(price.pk),
    )
    subscription.price = price
    period = begin_after_cancellation(subscription=subscription, at=at)
    subscription.canceled_at, subscription.cancel_reason = None, ""
    subscription.save(update_fields=["price", "canceled_at", "cancel_reason", "updated_at"])
    return period
