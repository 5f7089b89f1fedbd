"""What others may ask about plans and customers."""

from __future__ import annotations

from django.db.models import QuerySet

from subscriptions.models import Plan


def plans_for_sale() -> QuerySet[Plan]:
    """The plans that can be bought, by code."""
    return Plan.objects.filter(is_active=True).order_by("code")


def plan_for_sale(*, code: str) -> Plan | None:
    """The plan of this code, or None when there is none or it is no longer sold."""
    return plans_for_sale().filter(code=code).first()
