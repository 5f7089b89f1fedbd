"""The contact data of an order: how the shop addresses the buyer in messages about it."""

from __future__ import annotations

from typing import TypedDict

from subscriptions.models import Customer
from subscriptions.operations.customers import Buyer


class Contact(TypedDict):
    """The fields of an order that hold its contact data."""

    contact_name: str
    contact_phone: str
    contact_locale: str
    sms_consent: bool
    marketing_consent: bool


def contact_of(person: Buyer | Customer) -> Contact:
    """The contact data for an order: of a checkout, what its buyer typed; otherwise the customer's own."""
    return Contact(
        contact_name=person.name,
        contact_phone=person.phone,
        contact_locale=person.locale,
        sms_consent=person.sms_consent,
        marketing_consent=person.marketing_consent,
    )
