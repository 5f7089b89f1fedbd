"""Send SMS, each of them at most once.

Brevo has no idempotency key for SMS. So an SMS of unknown outcome is never sent again.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.conf import settings

from integrations.brevo import messages
from integrations.errors import ProviderRejected, ProviderUnavailable, ProviderUnclear
from integrations.locks import session_lock
from notifications.models import Channel, Notification
from notifications.operations import claims
from notifications.operations.claims import ClaimedOrderMessage
from notifications.operations.dedup_keys import NO_DEDUP_KEY, DedupKey
from notifications.operations.failures import code_of
from notifications.rendering import sms as rendering
from orders import queries as orders


def send(*, kind: Notification.Kind, order_id: UUID, at: dt.datetime, dedup_key: DedupKey = NO_DEDUP_KEY) -> bool:
    """Send this SMS about this order, if the customer consented to SMS. Returns False if it was not certainly sent now.

    After a time-out its status is ``unknown`` for good. Raises ``Busy`` and ``ProviderUnavailable`` (try again),
    ``OrderNotFound`` and ``ProviderRejected`` (permanent).
    """
    with session_lock(claims.lock_name(kind=kind, channel=Channel.SMS, order_id=order_id, dedup_key=dedup_key)):
        claimed = claims.claim(
            kind=kind,
            channel=Channel.SMS,
            order=orders.order_with_details(order_id=order_id),
            dedup_key=dedup_key,
            at=at,
            resend_within=None,
        )
        return claimed is not None and _send(claimed, at)


def _send(claimed: ClaimedOrderMessage, at: dt.datetime) -> bool:
    content = rendering.render(kind=Notification.Kind(claimed.notification.kind), order=claimed.order)
    try:
        accepted = messages.send_sms(
            sender=settings.SMS_SENDER,
            recipient=claimed.order.contact_phone,
            content=content,
            tag=str(claimed.notification.pk),
        )
    except ProviderUnavailable as error:
        claims.record_not_sent(claimed=claimed, error_code=code_of(error))
        raise
    except ProviderUnclear as error:
        # Not raised, because the queue would retry and send the SMS again.
        claims.record_unclear(claimed=claimed, error_code=code_of(error), give_up=True)
        return False
    except ProviderRejected as error:
        claims.record_rejected(claimed=claimed, error_code=code_of(error))
        raise
    claims.record_sent(claimed=claimed, message_id=accepted.message_id, at=at)
    return True
