"""Claim a message before the provider is called, and record the outcome after the call.

These are two short transactions. No transaction is open during the call.

Callers hold the message's session lock. So if ``claim`` finds a row with status SENDING, then no worker is sending it
now: an earlier worker died, or the provider gave no clear answer.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from notifications.models import Channel, Notification
from notifications.operations import locks, reasons
from notifications.operations.dedup_keys import NO_DEDUP_KEY, DedupKey
from orders.models import Order
from subscriptions.models import Customer

logger = logging.getLogger(__name__)

Status = Notification.Status

# The provider certainly does not have the message.
OPEN = (Status.PENDING, Status.SKIPPED, Status.FAILED)
# The provider may have the message. Its webhook may still report the outcome.
ON_ITS_WAY = (Status.SENDING, Status.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedMessage:
    """The right to send this message now. ``again``: an earlier call with the same key may have sent it already."""

    notification: Notification
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedOrderMessage(ClaimedMessage):
    """The right to send a message about an order."""

    order: Order
    dedup_key: DedupKey


def lock_name(*, kind: Notification.Kind, channel: Channel, order_id: UUID, dedup_key: DedupKey = NO_DEDUP_KEY) -> str:
    """The name of the session lock of one message."""
    name = f"notification:{channel}:{kind}:{order_id}"
    return f"{name}:{dedup_key.value}" if dedup_key.value else name


@transaction.atomic(durable=True)
def claim(
    *,
    kind: Notification.Kind,
    channel: Channel,
    order: Order,
    at: dt.datetime,
    resend_within: dt.timedelta | None,
    dedup_key: DedupKey = NO_DEDUP_KEY,
) -> ClaimedOrderMessage | None:
    """Record that this message is about to be sent. Returns None if it must not be sent.

    ``resend_within``: if the outcome is unknown, the message may be sent again with the same key for this long after
    the first attempt. Afterwards its outcome stays unknown. None: the provider supports no keys, so never send again.
    """
    notification = locks.get_or_create_locked_notification(
        kind=kind, channel=channel, order=order, dedup_key=dedup_key.value
    )
    reason = reasons.not_to_send(kind=kind, channel=channel, order=order, dedup_key=dedup_key)
    claimed = _claim(notification, reason, at, resend_within)
    if claimed is None:
        return None
    return ClaimedOrderMessage(notification=notification, again=claimed.again, order=order, dedup_key=dedup_key)


@transaction.atomic(durable=True)
def claim_account_message(
    *,
    kind: Notification.Kind,
    customer: Customer,
    dedup_key: str,
    reason: str,
    at: dt.datetime,
    resend_within: dt.timedelta,
) -> ClaimedMessage | None:
    """Record that this e-mail about the account is about to be sent. Returns None if it must not be sent.

    ``reason``: a code if it must not be sent, else empty. ``resend_within``: as in ``claim``.
    """
    notification = locks.get_or_create_locked_account_message(
        kind=kind, channel=Channel.EMAIL, customer=customer, dedup_key=dedup_key
    )
    return _claim(notification, reason, at, resend_within)


def _claim(
    notification: Notification, reason: str, at: dt.datetime, resend_within: dt.timedelta | None
) -> ClaimedMessage | None:
    if notification.status == Status.SENDING:
        if reason or not _may_send_again(notification, at=at, resend_within=resend_within):
            _give_up(notification, reason or "outcome_unknown")
            return None
        return ClaimedMessage(notification=notification, again=True)
    if notification.status not in OPEN:
        return None
    if reason:
        _save(notification, Status.SKIPPED, error_code=reason)
        return None
    notification.idempotency_key = uuid.uuid4()
    notification.first_attempted_at = at
    _save(notification, Status.SENDING)
    return ClaimedMessage(notification=notification, again=False)


def _may_send_again(notification: Notification, *, at: dt.datetime, resend_within: dt.timedelta | None) -> bool:
    assert notification.first_attempted_at is not None  # sending_has_its_time
    return resend_within is not None and at - notification.first_attempted_at <= resend_within


@transaction.atomic(durable=True)
def record_sent(*, claimed: ClaimedMessage, message_id: str, at: dt.datetime) -> None:
    """The provider accepted the message. Keep a status that the provider's webhook has set meanwhile."""
    row = locks.locked_notification(notification_id=claimed.notification.pk)
    row.provider_message_id = message_id or row.provider_message_id
    row.sent_at = row.sent_at or at
    if row.status in (*OPEN, *ON_ITS_WAY):
        _save(row, Status.SENT)
    else:
        row.save()


@transaction.atomic(durable=True)
def record_not_sent(*, claimed: ClaimedMessage, error_code: str) -> None:
    """This attempt certainly had no effect. The message is open again, unless an earlier attempt may have sent it."""
    row = locks.locked_notification(notification_id=claimed.notification.pk)
    if row.status != Status.SENDING:
        return
    if not claimed.again:
        row.first_attempted_at = None
    _save(row, Status.SENDING if claimed.again else Status.PENDING, error_code=error_code)


@transaction.atomic(durable=True)
def record_rejected(*, claimed: ClaimedMessage, error_code: str) -> None:
    """The provider rejected the message and will not send it."""
    row = locks.locked_notification(notification_id=claimed.notification.pk)
    if row.status == Status.SENDING:
        _save(row, Status.FAILED, error_code=error_code)


@transaction.atomic(durable=True)
def record_unclear(*, claimed: ClaimedMessage, error_code: str, give_up: bool) -> None:
    """It is unknown whether the message was sent. ``give_up``: it will not be sent again."""
    row = locks.locked_notification(notification_id=claimed.notification.pk)
    if row.status == Status.SENDING:
        _give_up(row, error_code) if give_up else _save(row, Status.SENDING, error_code=error_code)


def _give_up(notification: Notification, error_code: str) -> None:
    _save(notification, Status.UNKNOWN, error_code=error_code)
    logger.warning("It is unknown whether message %s (%s) was sent", notification.pk, notification.kind)


def _save(notification: Notification, status: Notification.Status, *, error_code: str = "") -> None:
    notification.status = status
    notification.error_code = error_code[:100]
    notification.save()
