"""Create a customer's login."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from subscriptions.models import User
from subscriptions.operations.locks import locked_customer


@transaction.atomic(durable=True)
def create_login(*, customer_id: UUID) -> bool:
    """Create the customer's login, without a password. Returns False if the customer has a login already.

    If a login with this address exists (a member of staff, for example), it becomes the customer's and keeps its
    password and permissions. Raises ``CustomerNotFound``.
    """
    customer = locked_customer(customer_id=customer_id)
    if customer.user_id is not None:
        return False
    login = User(email=customer.email_key)
    login.set_unusable_password()
    User.objects.bulk_create([login], ignore_conflicts=True)
    customer.user = User.objects.get(email=customer.email_key)
    customer.save(update_fields=["user", "updated_at"])
    return True
