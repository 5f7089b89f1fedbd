"""Create a customer's login, and end its sessions."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction

from integrations.outbox.events import publish
from integrations.purging import delete_in_batches
from subscriptions.events import LoginCreated
from subscriptions.models import User
from subscriptions.operations.locks import locked_customer_or_erased, locked_login
from subscriptions.operations.login_requests import close_login_requests


@transaction.atomic(durable=True)
def create_login(*, customer_id: UUID) -> bool:
    """Create the customer's login, without a password. Returns False if the customer has a login or cannot get one.

    If a member of staff has a login with this address, the customer gets none: a buyer has not proved to own the
    address. An erased customer gets none either. Raises ``CustomerNotFound``.
    """
    customer = locked_customer_or_erased(customer_id=customer_id)
    if customer.user_id is not None or customer.erased_at is not None:
        return False
    login = User(email=customer.email_key)
    login.set_unusable_password()
    User.objects.bulk_create([login], ignore_conflicts=True)
    stored = User.objects.get(email=customer.email_key)
    if stored.has_authority:
        return False
    customer.user = stored
    customer.save(update_fields=["user", "updated_at"])
    publish(LoginCreated(customer_id=customer.pk))
    return True


@transaction.atomic
def log_out_everywhere(*, user_id: UUID, at: dt.datetime) -> None:
    """End every session of this login, and make the links and codes of its login mails useless."""
    login = locked_login(user_id=user_id)
    login.session_version += 1
    login.save(update_fields=["session_version"])
    close_login_requests(email=login.email, at=at)


def purge_sessions(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete sessions that have expired, ``batch`` rows per statement; return their number."""
    return delete_in_batches(Session.objects.filter(expire_date__lte=at), batch=batch)
