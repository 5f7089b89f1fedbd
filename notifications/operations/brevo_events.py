"""Store and process Brevo's webhook events: update the message, suppress the address, withdraw the customer's consent.

Only the type and the ids are stored of an event about an address of no customer, or a message to an erased customer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from integrations.brevo.webhooks import BrevoEvent, EventSource, Kind, RawEvent, interpret
from integrations.inbox import recording
from integrations.inbox.locks import locked_webhook_event
from integrations.inbox.models import WebhookEvent
from integrations.inbox.recording import mark_processed
from notifications.events import BrevoWebhookReceived
from notifications.models import Channel, Notification, Suppression
from notifications.operations import locks, suppressions
from subscriptions.email_addresses import email_key
from subscriptions.models import Customer
from subscriptions.operations import consents

Status = Notification.Status

# For each kind of event: the new status, and the statuses that it may replace. So a late or repeated event never moves
# a message back. The status of an open message never changes: the message was not sent, so the event is about another.
FORWARD = {
    Kind.ACCEPTED: (Status.SENT, (Status.SENDING, Status.UNKNOWN)),
    Kind.DELIVERED: (Status.DELIVERED, (Status.SENDING, Status.UNKNOWN, Status.SENT)),
    # A mailbox may accept an e-mail and return it later.
    Kind.HARD_BOUNCE: (Status.BOUNCED, (Status.SENDING, Status.UNKNOWN, Status.SENT, Status.DELIVERED)),
    Kind.INVALID_ADDRESS: (Status.BOUNCED, (Status.SENDING, Status.UNKNOWN, Status.SENT)),
    Kind.BLOCKED: (Status.BOUNCED, (Status.SENDING, Status.UNKNOWN, Status.SENT)),
    # Brevo accepted the message and then gave up. Not FAILED: a redrive would send a failed message again.
    Kind.FAILED: (Status.BOUNCED, (Status.SENDING, Status.UNKNOWN, Status.SENT)),
}
SUPPRESSING = {
    Kind.HARD_BOUNCE: Suppression.Reason.HARD_BOUNCE,
    Kind.INVALID_ADDRESS: Suppression.Reason.INVALID_ADDRESS,
    Kind.BLOCKED: Suppression.Reason.BLOCKED,
    Kind.SPAM: Suppression.Reason.SPAM,
    Kind.UNSUBSCRIBED: Suppression.Reason.UNSUBSCRIBED,
}


# The fields without personal data. The message can still be found by them.
KEPT_FIELDS = ("event", "msg_status", "message-id", "messageId", "X-Mailin-custom", "tag", "camp_id", "ts_event")


def record(*, events: Sequence[RawEvent]) -> int:
    """Store the new events, and have a worker process each; return the number of new events."""
    named = _about_customers([interpret(event.payload) for event in events])
    received = [
        recording.Received(
            event_id=event.event_id,
            type=event.type,
            payload=event.payload if is_named else without_personal_data(event.payload),
        )
        for event, is_named in zip(events, named, strict=True)
    ]
    return recording.record(
        provider=WebhookEvent.Provider.BREVO,
        received=received,
        event=lambda pk: BrevoWebhookReceived(webhook_event_id=pk),
    )


def without_personal_data(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The event without the address, the subject and everything else that is not needed to find the message."""
    return {name: payload[name] for name in KEPT_FIELDS if name in payload}


def erase_stored(*, customer_id: UUID, addresses: Sequence[str], phones: Sequence[str]) -> int:
    """Shorten the stored events about this customer; return their number. Doing so again changes nothing."""
    ids = [str(pk) for pk in Notification.objects.filter(customer=customer_id).values_list("pk", flat=True)]
    about = Q(**{"payload__X-Mailin-custom__in": ids}) | Q(payload__tag__in=ids)
    for address in addresses:
        about |= Q(payload__email__iexact=address)
    for phone in phones:
        about |= Q(payload__to__in=[phone, phone.removeprefix("+")])
    found = list(WebhookEvent.objects.filter(about, provider=WebhookEvent.Provider.BREVO))
    for event in found:
        WebhookEvent.objects.filter(pk=event.pk).update(payload=without_personal_data(event.payload))
    return len(found)


def _about_customers(events: Sequence[BrevoEvent]) -> list[bool]:
    """For each event, whether it is about a customer whose data was not erased. Three queries for all of them."""
    ids = {id for event in events for id in map(_uuid, event.custom_ids) if id is not None}
    erased = dict(Notification.objects.filter(pk__in=ids).values_list("pk", "customer__erased_at"))
    living = Customer.objects.filter(erased_at=None)
    emails = {email_key(event.address) for event in events if event.source != EventSource.SMS}
    phones = {f"+{event.address}" for event in events if event.source == EventSource.SMS}
    known_emails = set(living.filter(email_key__in=emails).values_list("email_key", flat=True))
    known_phones = set(living.filter(phone__in=phones).values_list("phone", flat=True))

    def is_named(event: BrevoEvent) -> bool:
        sent = [id for id in map(_uuid, event.custom_ids) if id in erased]
        if sent:
            return erased[sent[0]] is None
        if event.source == EventSource.SMS:
            return f"+{event.address}" in known_phones
        return email_key(event.address) in known_emails

    return [is_named(event) for event in events]


@transaction.atomic(durable=True)
def process(*, webhook_event_id: UUID, at: dt.datetime) -> bool:
    """Process a stored event once. Returns False if it was processed before. Raises ``WebhookEventNotFound``."""
    stored = locked_webhook_event(webhook_event_id=webhook_event_id, provider=WebhookEvent.Provider.BREVO)
    if stored.processed_at is not None:
        return False
    mark_processed(webhook_event_id=stored.pk, outcome=_apply(interpret(stored.payload), at))
    return True


def _apply(event: BrevoEvent, at: dt.datetime) -> str:
    """Apply the event, and return the outcome in a few words."""
    if event.kind == Kind.OTHER:
        return "nothing to do"
    done = [_move(event, at), _suppress(event), _withdraw(event)]
    return ", ".join(filter(None, done)) or "no matching notification or customer"


def _move(event: BrevoEvent, at: dt.datetime) -> str:
    notification = _notification_of(event)
    if notification is None:
        return ""
    notification.provider_message_id = notification.provider_message_id or event.message_id[:200]
    if event.kind == Kind.DELAYED:
        notification.delays += 1
    status, from_states = FORWARD.get(event.kind, (notification.status, ()))
    moved = notification.status in from_states
    if moved:
        notification.status = status
        notification.error_code = event.kind.value if status == Status.BOUNCED else ""
        notification.sent_at = notification.sent_at or at
    notification.save()
    return f"{notification.kind} is {notification.status}" if moved else "noted"


def _notification_of(event: BrevoEvent) -> Notification | None:
    """The message of this event: found by the id that we sent along, else by Brevo's id."""
    if event.source == EventSource.MARKETING:
        return None
    channel = Channel.SMS if event.source == EventSource.SMS else Channel.EMAIL
    ids = [found for found in map(_uuid, event.custom_ids) if found is not None]
    return locks.find_locked_notification(channel=channel, ids=ids, provider_message_id=event.message_id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _suppress(event: BrevoEvent) -> str:
    reason = SUPPRESSING.get(event.kind)
    if reason is None or not event.address:
        return ""
    channel = Channel.SMS if event.source == EventSource.SMS else Channel.EMAIL
    suppressions.suppress(channel=channel, address=event.address, reason=reason)
    return f"suppressed: {reason.value}"


def _withdraw(event: BrevoEvent) -> str:
    """End the customer's consent after an unsubscription or a spam complaint."""
    if event.source == EventSource.SMS:
        asked = event.kind == Kind.UNSUBSCRIBED
        withdrawn = asked and consents.withdraw_sms_consent(phone_digits=event.address)
    else:
        asked = event.kind in (Kind.UNSUBSCRIBED, Kind.SPAM)
        withdrawn = asked and consents.withdraw_marketing_consent(email=event.address)
    return "consent withdrawn" if withdrawn else ""
