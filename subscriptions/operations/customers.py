"""Finding or making the customer who buys."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from integrations.outbox.events import publish
from subscriptions.email_addresses import email_key
from subscriptions.events import CustomerRegistered
from subscriptions.models import Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """What the checkout says of who buys, already checked: the address is deliverable in form, the phone is E.164."""

    email: str
    name: str
    phone: str = ""
    locale: str = "en"
    marketing_consent: bool = False
    sms_consent: bool = False


@transaction.atomic
def find_or_register_customer(*, buyer: Buyer) -> Customer:
    """The customer with the buyer's address, whom we register when the address is new.

    A known customer's record is left as it is: whoever types an address has not shown that it is theirs, and may not
    change its owner's name, phone or consents.
    """
    known = Customer.objects.filter(email_key=email_key(buyer.email)).first()
    if known is not None:
        return known
    customer = Customer(
        email=buyer.email,
        email_key=email_key(buyer.email),
        name=buyer.name,
        phone=buyer.phone,
        locale=buyer.locale,
        marketing_consent=buyer.marketing_consent,
        sms_consent=buyer.sms_consent,
    )
    # Two first purchases at once: one row is made, the other finds it.
    Customer.objects.bulk_create([customer], ignore_conflicts=True)
    stored = Customer.objects.get(email_key=customer.email_key)
    if stored.pk == customer.pk:
        publish(CustomerRegistered(customer_id=stored.pk))
    return stored
