"""Send e-mails about a subscription. Each is sent once, and only while it is true."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import UUID

from django.conf import settings

from charges import queries as charges
from notifications.models import Notification
from notifications.operations.customer_emails import send_once
from notifications.operations.message_context import cancel_url, next_charge
from notifications.rendering import subscription_emails as rendering
from notifications.rendering.subscription_emails import PriceChange, SubscriptionContext
from subscriptions import queries as subscriptions
from subscriptions.models import PendingChange, Reminder, Subscription

Kind = Notification.Kind
Outcome = PendingChange.Outcome

OF_REMINDER = {Reminder.Kind.TRIAL_ENDING: Kind.TRIAL_ENDING, Reminder.Kind.RENEWAL: Kind.RENEWAL_REMINDER}


def send_reminder(*, reminder_id: UUID, at: dt.datetime) -> bool:
    """Remind the customer that a trial ends or a subscription renews.

    Returns False if it was sent before or is not true any more: the boundary has passed or moved, nothing is charged at
    it, or the subscription is paused or has ended. Raises ``Busy``, ``ProviderUnavailable`` and ``ProviderUnclear``
    (try again), and ``ProviderRejected`` (permanent). The other functions of this module raise the same.
    """
    reminder = subscriptions.reminder(reminder_id=reminder_id)
    if reminder is None:
        return False
    return _send(
        kind=OF_REMINDER[Reminder.Kind(reminder.kind)],
        subscription=reminder.subscription,
        dedup_key=str(reminder.pk),
        reason=subscriptions.why_not_remind(reminder=reminder, at=at),
        context=context_of(reminder.subscription),
        at=at,
    )


def send_card_expiring(*, warning_id: UUID, at: dt.datetime) -> bool:
    """Warn the customer that a card expires. Returns False if the customer was warned before, or if it is not true any
    more: the card was replaced or removed, no subscription renews with it, or it has expired."""
    warning = charges.card_expiry_warning(warning_id=warning_id)
    card = warning.payment_method if warning else None
    if warning is None or card is None:
        return False
    paid = charges.renewing_with(customer_id=card.customer_id, payment_method=card.payment_method_id)
    subscription = paid.select_related("customer", "plan", "price").first()
    if subscription is None:
        return False
    return _send(
        kind=Kind.CARD_EXPIRING,
        subscription=subscription,
        dedup_key=str(warning.pk),
        reason=charges.why_not_warn(warning=warning, at=at),
        context=replace(context_of(subscription), expiry=str(warning), log_in_url=f"{settings.PUBLIC_URL}/login/"),
        at=at,
    )


def send_price_change(*, pending_change_id: UUID, at: dt.datetime) -> bool:
    """Announce the new price. Returns False if it was announced before, or if the change does not wait any more."""
    change = subscriptions.pending_change(pending_change_id=pending_change_id)
    if change is None or change.price is None or change.quantity is None:
        return False
    subscription = change.subscription
    price_change = PriceChange(
        old=subscription.price,
        new=change.price,
        quantity=change.quantity,
        at=change.not_before or subscription.current_period_end,
    )
    return _send(
        kind=Kind.PRICE_CHANGE,
        subscription=subscription,
        dedup_key=str(change.pk),
        reason="" if change.closed_at is None else f"change_{change.outcome}",
        context=replace(context_of(subscription), price_change=price_change),
        at=at,
    )


def send_plan_changed(*, pending_change_id: UUID, at: dt.datetime) -> bool:
    """Confirm that the plan or the quantity has changed. Returns False if it was confirmed before."""
    change = subscriptions.pending_change(pending_change_id=pending_change_id)
    return change is not None and _send_about_change(Kind.PLAN_CHANGED, change, outcome=Outcome.APPLIED, at=at)


def send_plan_change_dropped(*, pending_change_id: UUID, at: dt.datetime) -> bool:
    """Tell the customer that a change was not paid, so that it does not happen. Returns False if the customer was told
    before, or if the change was closed for another reason."""
    change = subscriptions.pending_change(pending_change_id=pending_change_id)
    return change is not None and _send_about_change(
        Kind.PLAN_CHANGE_DROPPED, change, outcome=Outcome.DROPPED, at=at
    )


def _send_about_change(
    kind: Notification.Kind, change: PendingChange, *, outcome: PendingChange.Outcome, at: dt.datetime
) -> bool:
    subscription = change.subscription
    reason = "" if change.outcome == outcome else f"change_{change.outcome}"
    if subscription.status == Subscription.Status.CANCELED:
        reason = "subscription_canceled"
    return _send(
        kind=kind,
        subscription=subscription,
        dedup_key=str(change.pk),
        reason=reason,
        context=replace(context_of(subscription), log_in_url=_log_in_url(kind)),
        at=at,
    )


def _log_in_url(kind: Notification.Kind) -> str:
    """A dropped change can be tried again after logging in."""
    return f"{settings.PUBLIC_URL}/login/" if kind == Kind.PLAN_CHANGE_DROPPED else ""


def send_cancellation_receipt(*, change_id: UUID, at: dt.datetime) -> bool:
    """Confirm a cancellation or a withdrawal with date and time. Returns False if it was confirmed before, or if the
    customer has undone it."""
    change = subscriptions.subscription_change(change_id=change_id)
    if change is None:
        return False
    subscription, found = change.subscription, subscriptions.cancellation(change=change)
    kind = Kind.WITHDRAWAL_RECEIVED if found and found.is_withdrawal else Kind.CANCELLATION_RECEIVED
    return _send(
        kind=kind,
        subscription=subscription,
        dedup_key=str(change.pk),
        reason="" if found else "cancellation_undone",
        context=SubscriptionContext(cancellation=found, cancel_url=cancel_url(subscription)),
        at=at,
    )


def context_of(subscription: Subscription) -> SubscriptionContext:
    """The next charge, its card, and the link to cancel."""
    card = charges.card_of(customer_id=subscription.customer_id, payment_method=subscription.payment_method)
    return SubscriptionContext(
        next_charge=next_charge(subscription),
        brand=card.brand if card else "",
        last4=card.last4 if card else "",
        cancel_url=cancel_url(subscription),
    )


def _send(
    *,
    kind: Notification.Kind,
    subscription: Subscription,
    dedup_key: str,
    context: SubscriptionContext,
    at: dt.datetime,
    reason: str = "",
) -> bool:
    return send_once(
        kind=kind,
        customer=subscription.customer,
        dedup_key=dedup_key,
        at=at,
        render=lambda: rendering.render(kind=kind, subscription=subscription, context=context),
        reason=reason,
    )
