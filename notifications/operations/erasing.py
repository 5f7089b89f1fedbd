"""The part of this app in a customer's copy and erasure: messages, and the copies at Brevo and Dixa.

The rows of messages stay, without a recipient or a text: they never had any.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from integrations.brevo import contacts, mail_log
from integrations.brevo import facts as brevo_facts
from integrations.dixa import anonymization
from integrations.dixa import facts as dixa_facts
from integrations.locks import session_lock
from integrations.outbox.events import Event, publish
from notifications.events import AnonymizationPending, MailLogDeletionDue
from notifications.models import Channel, ContactSync, Notification, Suppression
from notifications.operations import brevo_events, rate_limits
from notifications.operations.contact_syncs import WAIT_SECONDS, contact_lock
from notifications.operations.suppressions import address_key
from subscriptions.models import Customer, Erasure, ErasureStep
from subscriptions.operations.erasures.parts import Kept, Part, Step
from subscriptions.operations.erasures.progress import StepWaits, run_step

Provider = ContactSync.Provider

MESSAGES = Step(
    name="messages",
    task="emails.erase_messages",
    system="Shop",
    erases="blocked addresses, contents of Brevo's events",
)
BREVO_CONTACT = Step(
    name="brevo_contact", task="brevo.delete_contact", system="Brevo", erases="the contact with all its data"
)
BREVO_LOG = Step(
    name="brevo_log", task="brevo.delete_mail_log", system="Brevo", erases="the log of e-mails with their contents"
)
DIXA = Step(
    name="dixa",
    task="dixa.anonymize_end_user",
    system="Dixa",
    erases="the end user, the conversations and their messages, by anonymization",
)
# The log is deleted a day later, so that the mails that were on their way, and the last one, are deleted, too.
LOG_AFTER = dt.timedelta(hours=24)
POLL_EVERY = dt.timedelta(minutes=15)
# An agent may need the conversation to the end. Afterwards the erasure is more important.
FORCE_AFTER = dt.timedelta(days=7)
ASK_AGAIN_AFTER = dt.timedelta(hours=24)
CHUNK = 500


def erase_messages(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Erase what the shop stores about the recipient. Returns False if it was done before."""
    return run_step(erasure_id=erasure_id, name=MESSAGES.name, work=_erase_messages, at=at)


def delete_contact(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Delete the contact at Brevo. Returns False if it was done before. Raises ``Busy`` and ``ProviderError``."""
    return run_step(erasure_id=erasure_id, name=BREVO_CONTACT.name, work=_delete_contact, at=at)


def delete_mail_log(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Delete Brevo's log of the e-mails, not before ``LOG_AFTER``. Returns False if it waits or was done before."""

    def work(erasure: Erasure, _: ErasureStep) -> str:
        due = (erasure.begun_at or at) + LOG_AFTER
        if at < due:
            _later(MailLogDeletionDue(erasure_id=erasure.pk, customer_id=erasure.customer_id), at=due)
            raise StepWaits("waits for the last mails")
        found = sum(mail_log.delete_log(email=email) for email in erasure.addresses)
        return f"deletion of {found} logs requested; Brevo needs up to 48 hours"

    return run_step(erasure_id=erasure_id, name=BREVO_LOG.name, work=work, at=at)


def anonymize_end_user(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Have Dixa anonymize the end user, and ask until it has. Returns False if it waits or was done before."""

    def work(erasure: Erasure, step: ErasureStep) -> str:
        rate_limits.wait_for_slot(
            name="dixa", per_second=dixa_facts.CALLS_PER_SECOND, burst=dixa_facts.BURST, calls=2
        )
        return _check(erasure, step, at) if step.reference else _request(erasure, step, at)

    return run_step(erasure_id=erasure_id, name=DIXA.name, work=work, at=at)


def _erase_messages(erasure: Erasure, _: ErasureStep) -> str:
    # Events before suppressions: a worker that is processing an event may be adding a suppression.
    events = brevo_events.erase_stored(
        customer_id=erasure.customer_id, addresses=erasure.addresses, phones=erasure.phones
    )
    blocked = _suppressions_of(erasure).delete()[0]
    return f"{events} events and {blocked} blocked addresses erased"


def _suppressions_of(erasure: Erasure) -> Any:
    """Those of addresses that no other customer uses."""
    emails = {address_key(channel=Channel.EMAIL, address=email) for email in erasure.addresses}
    others = Customer.objects.filter(erased_at=None)
    emails -= set(others.filter(email_key__in=emails).values_list("email_key", flat=True))
    found = Q(channel=Channel.EMAIL, address_key__in=emails)
    phones = set(erasure.phones) - set(others.filter(phone__in=erasure.phones).values_list("phone", flat=True))
    keys = [address_key(channel=Channel.SMS, address=phone) for phone in phones]
    found |= Q(channel=Channel.SMS, address_key__in=keys)
    return Suppression.objects.filter(found)


def _delete_contact(erasure: Erasure, _: ErasureStep) -> str:
    rate_limits.wait_for_slot(
        name="brevo-contacts",
        per_second=brevo_facts.CONTACT_CALLS_PER_SECOND,
        burst=brevo_facts.CONTACT_BURST,
        calls=1,
    )
    # A sync that runs now ends first. A later one finds that the customer was erased.
    with session_lock(contact_lock(Provider.BREVO, erasure.customer_id), wait_seconds=WAIT_SECONDS):
        found = contacts.delete_contact(customer_id=erasure.customer_id)
        ContactSync.objects.filter(customer=erasure.customer_id, provider=Provider.BREVO).delete()
    return "contact deleted" if found else "there was no contact"


def _request(erasure: Erasure, step: ErasureStep, at: dt.datetime) -> str:
    force = at - erasure.requested_at >= FORCE_AFTER
    with session_lock(contact_lock(Provider.DIXA, erasure.customer_id), wait_seconds=WAIT_SECONDS):
        try:
            request_id = anonymization.request_anonymization(customer_id=erasure.customer_id, force=force)
        except anonymization.ConversationsAreOpen:
            _later(_pending(erasure), at=at + ASK_AGAIN_AFTER)
            raise StepWaits("conversations are open") from None
        if request_id:
            ErasureStep.objects.filter(pk=step.pk).update(reference=request_id[:100])
        ContactSync.objects.filter(customer=erasure.customer_id, provider=Provider.DIXA).delete()
    if request_id is None:
        return "there was no end user"
    if not request_id:
        return "anonymization had been requested before"
    _later(_pending(erasure), at=at + POLL_EVERY)
    raise StepWaits("Dixa is anonymizing")


def _check(erasure: Erasure, step: ErasureStep, at: dt.datetime) -> str:
    if anonymization.is_processed(request_id=step.reference):
        return "anonymized"
    _later(_pending(erasure), at=at + POLL_EVERY)
    raise StepWaits("Dixa is anonymizing")


def _pending(erasure: Erasure) -> AnonymizationPending:
    return AnonymizationPending(erasure_id=erasure.pk, customer_id=erasure.customer_id)


@transaction.atomic(durable=True)
def _later(event: Event, *, at: dt.datetime) -> None:
    publish(event, not_before=at)


def _messages(customer_id: UUID) -> Iterator[dict[str, Any]]:
    rows = Notification.objects.filter(customer=customer_id).select_related("order").order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {
            "kind": row.kind,
            "channel": row.channel,
            "order": row.order.number if row.order else None,
            "status": row.status,
            "created_at": row.created_at,
            "sent_at": row.sent_at,
        }


def _copies(customer_id: UUID) -> Iterator[dict[str, Any]]:
    for row in ContactSync.objects.filter(customer=customer_id).order_by("pk"):
        yield {"provider": row.provider, "synced_at": row.synced_at}


def _kept(customer_id: UUID, _: dt.datetime) -> Sequence[Kept]:
    messages = Notification.objects.filter(customer=customer_id)
    kept = []
    if messages.exists():
        kept.append(
            Kept(
                system="Shop",
                what="that messages were sent, their kind and time, without recipient and text",
                why="proof that the customer was informed about payments and terms",
            )
        )
    if messages.filter(channel=Channel.SMS).exists():
        kept.append(
            Kept(
                system="Brevo",
                what="the log of SMS",
                why="Brevo offers no deletion; it deletes the log by its own schedule",
            )
        )
    return kept


PART = Part(
    steps=[MESSAGES, DIXA, BREVO_CONTACT, BREVO_LOG],
    sections={"messages": _messages, "copies_at_providers": _copies},
    kept=_kept,
)
