"""A customer's login."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from integrations.errors import PermanentError
from subscriptions.models import Customer, User


class NoSuchCustomer(PermanentError):
    """There is no customer of this id; a message about one cannot be mended by trying again."""


@transaction.atomic(durable=True)
def create_login(*, customer_id: UUID) -> bool:
    """Give the customer a login without a password; False when there is one already.

    An address that is a login already (of staff, or made by hand) becomes this customer's only where it is nobody
    else's, and keeps its password and its rights.
    """
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    if customer is None:
        raise NoSuchCustomer(f"There is no customer {customer_id}.")
    if customer.user_id is not None:
        return False
    login = User(email=customer.email_key)
    login.set_unusable_password()
    User.objects.bulk_create([login], ignore_conflicts=True)
    customer.user = User.objects.get(email=customer.email_key)
    customer.save(update_fields=["user", "updated_at"])
    return True
