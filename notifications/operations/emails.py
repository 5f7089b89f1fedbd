"""Send e-mails, each of them once.

Brevo recognizes a repeated idempotency key for 30 minutes. If the outcome of an attempt is unknown, the e-mail is sent
again with the same key within that time. Afterwards its status stays ``unknown``, and it is not sent again.

If Brevo rejects the request, the row keeps the error and the queue message goes to the dead-letter queue. The checkout
has validated the address, so the cause is nearly always on our side; a redrive after the fix sends the e-mail. A wrong
API key or missing credits affect every message, so these errors are retried.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.conf import settings

from integrations.brevo import facts, messages
from integrations.locks import session_lock
from notifications.models import Channel, Notification
from notifications.operations import claims
from notifications.operations.claims import ClaimedOrderMessage
from notifications.operations.dedup_keys import NO_DEDUP_KEY, DedupKey
from notifications.operations.email_sending import send_claimed
from notifications.operations.message_context import message_context
from notifications.rendering import emails as rendering
from orders import queries as orders


def send(*, kind: Notification.Kind, order_id: UUID, at: dt.datetime, dedup_key: DedupKey = NO_DEDUP_KEY) -> bool:
    """Send this e-mail about this order. Returns False if it was sent before, or if it must not be sent.

    Raises ``Busy``, ``ProviderUnavailable`` and ``ProviderUnclear`` (try again), ``OrderNotFound``, ``RefundNotFound``
    and ``ProviderRejected`` (permanent).
    """
    with session_lock(claims.lock_name(kind=kind, channel=Channel.EMAIL, order_id=order_id, dedup_key=dedup_key)):
        claimed = claims.claim(
            kind=kind,
            channel=Channel.EMAIL,
            order=orders.order_with_details(order_id=order_id),
            dedup_key=dedup_key,
            at=at,
            resend_within=facts.RESEND_WITHIN,
        )
        if claimed is None:
            return False
        send_claimed(claimed=claimed, email=_email(claimed, at), at=at)
        return True


def send_receipt(*, order_id: UUID, at: dt.datetime) -> bool:
    """Send the one e-mail that says that this order is paid. For a first order, it also welcomes the customer.

    Returns False if it was sent before, or if it must not be sent: the order is not paid. Raises what ``send`` does.
    """
    is_first = orders.is_first_order(order=orders.order_with_details(order_id=order_id))
    kind = Notification.Kind.WELCOME if is_first else Notification.Kind.RECEIPT
    return send(kind=kind, order_id=order_id, at=at)


def _email(claimed: ClaimedOrderMessage, at: dt.datetime) -> messages.Email:
    customer = claimed.order.customer
    kind = Notification.Kind(claimed.notification.kind)
    context = message_context(kind=kind, order=claimed.order, dedup_key=claimed.dedup_key, at=at)
    rendered = rendering.render(kind=kind, order=claimed.order, context=context)
    return messages.Email(
        sender_email=settings.SENDER_EMAIL,
        sender_name=settings.SHOP_NAME,
        to_email=customer.email,
        to_name=rendered.to_name,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        tags=(kind.value,),
    )
