"""Read plans and customers."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from integrations.errors import PermanentError
from subscriptions.models import Customer, Plan


class CustomerNotFound(PermanentError):
    """No customer has this id. Trying again cannot help."""


def customer(*, customer_id: UUID) -> Customer:
    """The customer as stored now. Raises ``CustomerNotFound``."""
    found = Customer.objects.filter(pk=customer_id).first()
    if found is None:
        raise CustomerNotFound(f"There is no customer {customer_id}.")
    return found


def plans_for_sale() -> QuerySet[Plan]:
    """The plans that customers can buy, sorted by code."""
    return Plan.objects.filter(is_active=True).order_by("code")


def plan_for_sale(*, code: str) -> Plan | None:
    """The plan with this code, or None if customers cannot buy such a plan."""
    return plans_for_sale().filter(code=code).first()
