"""The row of a message, before and after the call: two short transactions, none of them open while it is on
the wire.

Callers hold the message's session lock, so a row that is found SENDING was left so: its worker died, or its
provider did not say what became of it.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from notifications.models import Channel, Notification
from notifications.operations import reasons
from notifications.operations.occasions import ONLY_ONE, Occasion
from orders.models import Order

log = logging.getLogger(__name__)

Status = Notification.Status

# The provider certainly does not have it.
OPEN = (Status.PENDING, Status.SKIPPED, Status.FAILED)
# Where a provider may still tell us more than we know.
ON_ITS_WAY = (Status.SENDING, Status.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to send this message now. ``again``: an earlier call under the same key may have sent it."""

    notification: Notification
    order: Order
    occasion: Occasion
    again: bool


def lock_name(*, kind: Notification.Kind, channel: Channel, order_id: UUID, occasion: Occasion = ONLY_ONE) -> str:
    """The name of the lock that one message has."""
    name = f"notification:{channel}:{kind}:{order_id}"
    return f"{name}:{occasion.key}" if occasion.key else name


@transaction.atomic(durable=True)
def claim(
    *,
    kind: Notification.Kind,
    channel: Channel,
    order: Order,
    at: dt.datetime,
    resend_within: dt.timedelta | None,
    occasion: Occasion = ONLY_ONE,
) -> Claim | None:
    """Note that this message is about to be sent; None when it is not to be.

    ``resend_within``: how long after the first try a message of unknown outcome may be sent again under its
    key; None where the provider has no keys. After that its outcome stays unknown.
    """
    notification = _locked(kind, channel, order, occasion)
    reason = reasons.not_to_send(kind=kind, channel=channel, order=order, occasion=occasion)
    if notification.status == Status.SENDING:
        if not _may_try_again(notification, at, resend_within, reason):
            return None
        return Claim(notification=notification, order=order, occasion=occasion, again=True)
    if notification.status not in OPEN:
        return None
    if reason:
        _save(notification, Status.SKIPPED, error_code=reason)
        return None
    notification.idempotency_key = uuid.uuid4()
    notification.first_tried_at = at
    _save(notification, Status.SENDING)
    return Claim(notification=notification, order=order, occasion=occasion, again=False)


def _locked(kind: Notification.Kind, channel: Channel, order: Order, occasion: Occasion) -> Notification:
    # Two transactions at once: one makes the row, the other finds it.
    row = Notification(kind=kind, channel=channel, order=order, customer=order.customer, occasion=occasion.key)
    Notification.objects.bulk_create([row], ignore_conflicts=True)
    return Notification.objects.select_for_update().get(kind=kind, channel=channel, order=order, occasion=occasion.key)


def _may_try_again(
    notification: Notification, at: dt.datetime, resend_within: dt.timedelta | None, reason: str
) -> bool:
    assert notification.first_tried_at is not None  # a constraint of the table
    if resend_within is None or at - notification.first_tried_at > resend_within or reason:
        _give_up(notification, reason or "outcome_unknown")
        return False
    return True


@transaction.atomic(durable=True)
def record_sent(*, claim: Claim, message_id: str, at: dt.datetime) -> None:
    """The provider has it. What its webhook may have told us meanwhile stands."""
    row = Notification.objects.select_for_update().get(pk=claim.notification.pk)
    row.provider_message_id = message_id or row.provider_message_id
    row.sent_at = row.sent_at or at
    if row.status in (*OPEN, *ON_ITS_WAY):
        _save(row, Status.SENT)
    else:
        row.save()


@transaction.atomic(durable=True)
def record_not_sent(*, claim: Claim, error_code: str) -> None:
    """This try certainly had no effect. If no earlier one may have had any, the message is open again."""
    row = Notification.objects.select_for_update().get(pk=claim.notification.pk)
    if row.status != Status.SENDING:
        return
    if not claim.again:
        row.first_tried_at = None
    _save(row, Status.SENDING if claim.again else Status.PENDING, error_code=error_code)


@transaction.atomic(durable=True)
def record_refused(*, claim: Claim, error_code: str) -> None:
    """The provider read it and will not send it."""
    row = Notification.objects.select_for_update().get(pk=claim.notification.pk)
    if row.status == Status.SENDING:
        _save(row, Status.FAILED, error_code=error_code)


@transaction.atomic(durable=True)
def record_unclear(*, claim: Claim, error_code: str, give_up: bool) -> None:
    """Nobody knows whether it was sent. ``give_up``: and nobody will try again."""
    row = Notification.objects.select_for_update().get(pk=claim.notification.pk)
    if row.status == Status.SENDING:
        _give_up(row, error_code) if give_up else _save(row, Status.SENDING, error_code=error_code)


def _give_up(notification: Notification, error_code: str) -> None:
    _save(notification, Status.UNKNOWN, error_code=error_code)
    log.warning("%s %s: it is unknown whether it was sent", notification.kind, notification.pk)


def _save(notification: Notification, status: Notification.Status, *, error_code: str = "") -> None:
    notification.status = status
    notification.error_code = error_code[:100]
    notification.save()
