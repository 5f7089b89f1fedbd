"""Whom we no longer write to, and why.

All our messages are transactional: the customer has a right to them, and we have a duty to send some. So what
stops them is only what makes them pointless or harmful. A hard bounce or an invalid address: nobody reads it.
A complaint: the next one costs the sender's reputation, and with it everybody's mail. An unsubscription from
e-mail is about marketing and withdraws that consent; one from SMS (STOP) stops every SMS. "Blocked" says that
an address is on a list that Brevo keeps itself, and lifts itself; we note it, and let Brevo decide. An
operator lifts a suppression by deleting it.
"""

from __future__ import annotations

from notifications.models import Channel, Suppression
from subscriptions.email_addresses import email_key
from subscriptions.models import Customer

Reason = Suppression.Reason

STOPPING = {
    Channel.EMAIL: (Reason.HARD_BOUNCE, Reason.INVALID_ADDRESS, Reason.SPAM),
    Channel.SMS: (Reason.HARD_BOUNCE, Reason.UNSUBSCRIBED),
}


def address_key(*, channel: Channel, address: str) -> str:
    """The form of an address that is equal for two spellings of it."""
    if channel == Channel.EMAIL:
        return email_key(address.strip())[:254]
    return "".join(letter for letter in address if letter in "0123456789")[:254]


def suppress(*, channel: Channel, address: str, reason: Suppression.Reason) -> None:
    """Note that an address asked or failed; noting it again changes nothing."""
    row = Suppression(channel=channel, address_key=address_key(channel=channel, address=address), reason=reason)
    if row.address_key:
        Suppression.objects.bulk_create([row], ignore_conflicts=True)


def stopping_reason(*, channel: Channel, customer: Customer) -> str:
    """Why this customer gets no (transactional) message on this channel, or an empty string."""
    address = customer.email if channel == Channel.EMAIL else customer.phone
    key = address_key(channel=channel, address=address)
    rows = Suppression.objects.filter(channel=channel, address_key=key, reason__in=STOPPING[channel])
    return rows.order_by("created_at").values_list("reason", flat=True).first() or ""
