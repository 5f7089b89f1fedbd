"""E-mail: each message once, as far as that can be known.

Brevo recognizes a repeated key for 30 minutes. Within that a send of unknown outcome is repeated under its
key; after that it stays ``unknown`` and is not sent again. A refusal is written on the row and goes to the
dead-letter queue: addresses are checked at checkout, so what Brevo refuses is nearly always ours to mend, and
a redrive sends it then. A wrong key or spent credits are nobody's message's fault: the ladder tries again.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.conf import settings

from integrations.brevo import facts, messages
from integrations.errors import ProviderRefused, ProviderUnavailable, ProviderUnclear
from integrations.locks import session_lock
from notifications import queries
from notifications.models import Channel, Notification
from notifications.operations import claims
from notifications.operations.circumstances import circumstances
from notifications.operations.claims import Claim
from notifications.operations.failures import code_of
from notifications.operations.occasions import ONLY_ONE, Occasion
from notifications.rendering import emails as rendering


def send(*, kind: Notification.Kind, order_id: UUID, at: dt.datetime, occasion: Occasion = ONLY_ONE) -> bool:
    """Send this e-mail about this order and occasion; False when it was sent before, or is not to be sent.

    Raises ``NoSuchOrder``, ``NoSuchRefund``, ``Busy``, ``ProviderUnavailable`` and ``ProviderUnclear`` (try
    again), ``ProviderRefused``.
    """
    with session_lock(claims.lock_name(kind=kind, channel=Channel.EMAIL, order_id=order_id, occasion=occasion)):
        claim = claims.claim(
            kind=kind,
            channel=Channel.EMAIL,
            order=queries.order_to_write_about(order_id=order_id),
            occasion=occasion,
            at=at,
            resend_within=facts.RESEND_WITHIN,
        )
        if claim is None:
            return False
        _send(claim, at)
        return True


def _send(claim: Claim, at: dt.datetime) -> None:
    notification = claim.notification
    email = _email(claim, at)
    try:
        accepted = messages.send_email(
            email=email, idempotency_key=notification.idempotency_key, custom_id=str(notification.pk)
        )
    except ProviderUnavailable as error:
        claims.record_not_sent(claim=claim, error_code=code_of(error))
        raise
    except ProviderUnclear as error:
        claims.record_unclear(claim=claim, error_code=code_of(error), give_up=False)
        raise
    except ProviderRefused as error:
        claims.record_refused(claim=claim, error_code=code_of(error))
        raise
    claims.record_sent(claim=claim, message_id=accepted.message_id, at=at)


def _email(claim: Claim, at: dt.datetime) -> messages.Email:
    customer = claim.order.customer
    kind = Notification.Kind(claim.notification.kind)
    told = circumstances(kind=kind, order=claim.order, occasion=claim.occasion, at=at)
    rendered = rendering.render(kind=kind, order=claim.order, told=told)
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
