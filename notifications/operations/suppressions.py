"""Addresses that get no more messages.

All our messages are transactional: the customer has a right to them, and we must send some of them. So only these
reasons stop them:

- A hard bounce or an invalid address: the message cannot arrive.
- A spam complaint: another one would harm the sender's reputation, and then no customer's e-mail arrives.
- An unsubscription from SMS (STOP). An unsubscription from e-mail only withdraws the consent to marketing.

"Blocked" means that the address is on Brevo's own list. Brevo manages that list, so we only record the reason. Staff
lift a suppression by deleting it.
"""

from __future__ import annotations

from notifications.models import Channel, Suppression
from orders.models import Order
from subscriptions.email_addresses import email_key

Reason = Suppression.Reason

STOPPING = {
    Channel.EMAIL: (Reason.HARD_BOUNCE, Reason.INVALID_ADDRESS, Reason.SPAM),
    Channel.SMS: (Reason.HARD_BOUNCE, Reason.UNSUBSCRIBED),
}


def address_key(*, channel: Channel, address: str) -> str:
    """The normalized form of an address: two spellings of one address have the same key."""
    if channel == Channel.EMAIL:
        return email_key(address.strip())[:254]
    return "".join(letter for letter in address if letter in "0123456789")[:254]


def suppress(*, channel: Channel, address: str, reason: Suppression.Reason) -> None:
    """Record the reason for this address. Doing so again changes nothing."""
    row = Suppression(channel=channel, address_key=address_key(channel=channel, address=address), reason=reason)
    if row.address_key:
        Suppression.objects.bulk_create([row], ignore_conflicts=True)


def stopping_reason(*, channel: Channel, order: Order) -> str:
    """The reason why the buyer of this order gets no message on this channel, or an empty string."""
    address = order.customer.email if channel == Channel.EMAIL else order.contact_phone
    return stopping_reason_of(channel=channel, address=address)


def stopping_reason_of(*, channel: Channel, address: str) -> str:
    """The reason why this address gets no message, or an empty string."""
    key = address_key(channel=channel, address=address)
    rows = Suppression.objects.filter(channel=channel, address_key=key, reason__in=STOPPING[channel])
    return rows.order_by("created_at").values_list("reason", flat=True).first() or ""
