"""Copy a customer to Brevo and Dixa.

Only one sync per customer and provider runs at a time. It reads the customer after it got the lock, and sends all
fields. So the provider ends up with our latest data, in any order of the queue messages.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.conf import settings
from django.db import transaction

from integrations.brevo import contacts
from integrations.brevo import facts as brevo_facts
from integrations.dixa import end_users
from integrations.dixa import facts as dixa_facts
from integrations.errors import ProviderError
from integrations.locks import session_lock
from notifications.models import ContactSync
from notifications.operations import rate_limits
from notifications.operations.failures import code_of
from notifications.rendering.formatting import split_name
from subscriptions import queries as subscriptions
from subscriptions.models import Customer

Provider = ContactSync.Provider
WAIT_SECONDS = 5.0
PHONE_TAKEN = "phone_taken"


def contact_lock(provider: ContactSync.Provider, customer_id: UUID) -> str:
    """The name of the session lock to hold while the customer's copy at the provider is written or deleted."""
    return f"contact:{provider.value}:{customer_id}"


def sync_contact(*, customer_id: UUID, at: dt.datetime) -> None:
    """Copy the customer with the consents to Brevo's contact, unless the customer's data was erased.

    Raises ``CustomerNotFound``, ``Busy`` and ``ProviderError``.
    """
    if subscriptions.customer_not_erased(customer_id=customer_id) is None:
        return
    known = _sync_row(customer_id, Provider.BREVO).synced_at is not None
    rate_limits.wait_for_slot(
        name="brevo-contacts",
        per_second=brevo_facts.CONTACT_CALLS_PER_SECOND,
        burst=brevo_facts.CONTACT_BURST,
        calls=brevo_facts.CALLS_TO_UPDATE if known else brevo_facts.CALLS_TO_CREATE,
    )
    with session_lock(contact_lock(Provider.BREVO, customer_id), wait_seconds=WAIT_SECONDS):
        # Read under the lock: an erasure deletes the contact under the same lock.
        customer = subscriptions.customer_not_erased(customer_id=customer_id)
        if customer is None:
            return
        sync = _sync_row(customer_id, Provider.BREVO)
        contact = _contact(customer)
        try:
            upserted = contacts.upsert_contact(contact=contact, known=sync.synced_at is not None)
        except ProviderError as error:
            _record_error(sync, error)
            raise
        _record(sync, external_id=upserted.contact_id, phone_taken=upserted.phone_taken, at=at)


def sync_end_user(*, customer_id: UUID, at: dt.datetime) -> None:
    """Copy the customer to Dixa's end user, as ``sync_contact`` does. Raises the same errors."""
    if subscriptions.customer_not_erased(customer_id=customer_id) is None:
        return
    known = _sync_row(customer_id, Provider.DIXA).external_id
    rate_limits.wait_for_slot(
        name="dixa",
        per_second=dixa_facts.CALLS_PER_SECOND,
        burst=dixa_facts.BURST,
        calls=dixa_facts.CALLS_TO_UPDATE if known else dixa_facts.CALLS_TO_CREATE,
    )
    with session_lock(contact_lock(Provider.DIXA, customer_id), wait_seconds=WAIT_SECONDS):
        customer = subscriptions.customer_not_erased(customer_id=customer_id)
        if customer is None:
            return
        sync = _sync_row(customer_id, Provider.DIXA)
        end_user = _end_user(customer)
        try:
            upserted = end_users.upsert_end_user(end_user=end_user, known_id=sync.external_id)
        except ProviderError as error:
            _record_error(sync, error)
            raise
        _record(sync, external_id=upserted.end_user_id, phone_taken=upserted.phone_taken, at=at)


def _sync_row(customer_id: UUID, provider: ContactSync.Provider) -> ContactSync:
    ContactSync.objects.bulk_create([ContactSync(customer_id=customer_id, provider=provider)], ignore_conflicts=True)
    return ContactSync.objects.get(customer_id=customer_id, provider=provider)


@transaction.atomic(durable=True)
def _record(sync: ContactSync, *, external_id: str, phone_taken: bool, at: dt.datetime) -> None:
    sync.external_id = external_id or sync.external_id
    sync.synced_at = at
    sync.last_error = PHONE_TAKEN if phone_taken else ""
    sync.save()


@transaction.atomic(durable=True)
def _record_error(sync: ContactSync, error: ProviderError) -> None:
    sync.last_error = code_of(error)
    sync.save(update_fields=["last_error", "updated_at"])


def _contact(customer: Customer) -> contacts.Contact:
    first, last = split_name(customer.name)
    return contacts.Contact(
        customer_id=customer.pk,
        email=customer.email,
        first_name=first,
        last_name=last,
        phone=customer.phone,
        may_email=customer.marketing_consent,
        may_sms=customer.sms_consent,
        list_id=settings.BREVO_LIST_ID,
    )


def _end_user(customer: Customer) -> end_users.EndUser:
    first, last = split_name(customer.name)
    return end_users.EndUser(
        customer_id=customer.pk,
        email=customer.email,
        display_name=customer.name or customer.email,
        first_name=first,
        last_name=last,
        phone=customer.phone,
    )
