"""Change a customer's e-mail address: confirm the new one, warn the old one, and keep the old one until then."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import IntegrityError, transaction

from integrations.outbox.events import publish
from integrations.purging import delete_in_batches
from subscriptions import login_tokens
from subscriptions.email_addresses import email_key
from subscriptions.events import CustomerUpdated, EmailChanged, EmailChangeRequested
from subscriptions.models import Customer, EmailChange
from subscriptions.operations.locks import locked_customer, locked_login
from subscriptions.operations.login_requests import close_login_requests
from subscriptions.queries import is_address_taken

LIFETIME = dt.timedelta(hours=24)
KEEP = dt.timedelta(days=30)


class UnableToConfirm(Exception):
    """The link is invalid, has expired, was replaced by a newer one, or is another customer's."""


class AddressTaken(Exception):
    """Another customer or login has this address."""


@transaction.atomic
def request_email_change(*, customer_id: UUID, email: str, at: dt.datetime) -> EmailChange:
    """Ask for another address. It replaces the request before. Nothing shows whether the address is taken.

    The caller has checked that the customer logged in a short time ago. Raises ``CustomerNotFound``.
    """
    customer = locked_customer(customer_id=customer_id)
    EmailChange.objects.filter(customer=customer, confirmed_at=None, canceled_at=None).update(canceled_at=at)
    change = EmailChange.objects.create(
        customer=customer,
        email=email,
        email_key=email_key(email),
        old_email=customer.email,
        requested_at=at,
        expires_at=at + LIFETIME,
    )
    publish(EmailChangeRequested(email_change_id=change.pk, customer_id=customer.pk))
    return change


def confirm_email_change(*, token: str, customer_id: UUID, at: dt.datetime) -> Customer:
    """Give the customer the confirmed address. Links and codes that were sent to the old one are useless from now on.

    Raises ``UnableToConfirm`` and ``AddressTaken``.
    """
    try:
        change_id = login_tokens.read_email_change(token)
    except login_tokens.BadToken:
        raise UnableToConfirm from None
    try:
        return _confirm(change_id=change_id, customer_id=customer_id, at=at)
    except IntegrityError:  # two customers confirmed the same address at once
        raise AddressTaken from None


def purge_email_changes(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete changes a month after their end, ``batch`` rows per statement; return their number."""
    return delete_in_batches(EmailChange.objects.filter(expires_at__lte=at - KEEP), batch=batch)


@transaction.atomic
def _confirm(*, change_id: UUID, customer_id: UUID, at: dt.datetime) -> Customer:
    customer = locked_customer(customer_id=customer_id)
    change = EmailChange.objects.filter(pk=change_id, customer=customer).first()
    if change is None or not change.is_open(at=at):
        raise UnableToConfirm
    if is_address_taken(email=change.email, customer_id=customer.pk):
        raise AddressTaken
    old = customer.email
    customer.email, customer.email_key = change.email, change.email_key
    customer.save(update_fields=["email", "email_key", "updated_at"])
    if customer.user_id is not None:
        login = locked_login(user_id=customer.user_id)
        login.email = change.email_key
        login.save(update_fields=["email"])
    EmailChange.objects.filter(pk=change.pk).update(confirmed_at=at)
    close_login_requests(email=old, at=at)
    publish(CustomerUpdated(customer_id=customer.pk))
    publish(EmailChanged(email_change_id=change.pk, customer_id=customer.pk))
    return customer
