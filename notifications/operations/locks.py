"""The row locks of notifications. No other module of this app calls ``select_for_update``.

Lock order: the webhook event (``integrations.inbox``) before the notification. An operation locks at most one
notification.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from notifications.models import Channel, Notification
from orders.models import Order
from subscriptions.models import Customer


def locked_notification(*, notification_id: UUID) -> Notification:
    """The notification, locked until the transaction ends."""
    return Notification.objects.select_for_update().get(pk=notification_id)


def get_or_create_locked_notification(
    *, kind: Notification.Kind, channel: Channel, order: Order, dedup_key: str
) -> Notification:
    """The notification of this kind, channel, order and dedup key, locked. A missing row is created first."""
    # Two transactions may run this at once: one inserts the row, the other waits and then finds it.
    row = Notification(kind=kind, channel=channel, order=order, customer=order.customer, dedup_key=dedup_key)
    Notification.objects.bulk_create([row], ignore_conflicts=True)
    return Notification.objects.select_for_update().get(kind=kind, channel=channel, order=order, dedup_key=dedup_key)


def get_or_create_locked_account_message(
    *, kind: Notification.Kind, channel: Channel, customer: Customer, dedup_key: str
) -> Notification:
    """The notification about the customer's account with this kind, channel and dedup key, locked. A missing row is
    created first."""
    row = Notification(kind=kind, channel=channel, customer=customer, dedup_key=dedup_key)
    Notification.objects.bulk_create([row], ignore_conflicts=True)
    return Notification.objects.select_for_update().get(
        kind=kind, channel=channel, customer=customer, order=None, dedup_key=dedup_key
    )


def find_locked_notification(
    *, channel: Channel, ids: Collection[UUID], provider_message_id: str
) -> Notification | None:
    """The notification with one of our ``ids``, else the one with the provider's id, locked. None if neither exists."""
    notifications = Notification.objects.select_for_update().filter(channel=channel)
    if ids and (notification := notifications.filter(pk__in=ids).first()):
        return notification
    return notifications.filter(provider_message_id=provider_message_id).first() if provider_message_id else None
