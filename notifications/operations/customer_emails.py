"""Send an e-mail to a customer that is about no order: about the account, or about a subscription.

Each e-mail is sent once; see ``emails.py`` for what happens if the outcome is unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.conf import settings

from integrations.brevo import facts, messages
from integrations.locks import session_lock
from notifications.models import Channel, Notification
from notifications.operations import claims, reasons, suppressions
from notifications.operations.email_sending import send_claimed
from notifications.rendering.emails import RenderedEmail
from subscriptions.models import Customer


def send_once(
    *,
    kind: Notification.Kind,
    customer: Customer,
    dedup_key: str,
    at: dt.datetime,
    render: Callable[[], RenderedEmail],
    to: str = "",
    reason: str = "",
) -> bool:
    """Claim and send. Returns False if it was sent before, or if it must not be sent.

    ``render`` is called just before sending. ``to``: the address, if it is not the customer's. ``reason``: a code if
    the e-mail is not true (any more). Raises ``Busy``, ``ProviderUnavailable`` and ``ProviderUnclear`` (try again), and
    ``ProviderRejected`` (permanent).
    """
    address = to or customer.email
    with session_lock(f"notification:{Channel.EMAIL}:{kind}:{customer.pk}:{dedup_key}"):
        claimed = claims.claim_account_message(
            kind=kind,
            customer=customer,
            dedup_key=dedup_key,
            reason=reason
            or ("" if kind == Notification.Kind.ACCOUNT_ERASED else reasons.erased(customer=customer))
            or suppressions.stopping_reason_of(channel=Channel.EMAIL, address=address),
            at=at,
            resend_within=facts.RESEND_WITHIN,
        )
        if claimed is None:
            return False
        send_claimed(claimed=claimed, email=_email(kind, address, render()), at=at)
        return True


def _email(kind: Notification.Kind, address: str, rendered: RenderedEmail) -> messages.Email:
    return messages.Email(
        sender_email=settings.SENDER_EMAIL,
        sender_name=settings.SHOP_NAME,
        to_email=address,
        to_name=rendered.to_name,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        tags=(kind.value,),
    )
