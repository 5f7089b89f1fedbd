"""Change a customer's own data, as the logged-in customer asks."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from subscriptions.events import CustomerUpdated
from subscriptions.models import Customer
from subscriptions.operations.locks import locked_customer

FIELDS = ("name", "phone", "locale", "marketing_consent", "sms_consent")


@transaction.atomic
def update_profile(*, customer_id: UUID, changes: Mapping[str, object]) -> Customer:
    """Set these of ``FIELDS``, and publish ``CustomerUpdated`` if one of them is new.

    The caller has validated the values. Raises ``CustomerNotFound``.
    """
    customer = locked_customer(customer_id=customer_id)
    changed = [name for name in FIELDS if name in changes and getattr(customer, name) != changes[name]]
    if changed:
        for name in changed:
            setattr(customer, name, changes[name])
        customer.save(update_fields=[*changed, "updated_at"])
        publish(CustomerUpdated(customer_id=customer.pk))
    return customer
