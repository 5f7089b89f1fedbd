"""Starting a subscription and moving it through its states."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from subscriptions.models import Customer, Plan, Subscription


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
    Subscription.objects.filter(
        pk=subscription.pk, status__in=[Subscription.Status.INCOMPLETE, Subscription.Status.PAST_DUE]
    ).update(status=Subscription.Status.ACTIVE)
    subscription.refresh_from_db(fields=["status"])
