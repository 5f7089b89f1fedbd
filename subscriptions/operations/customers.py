"""Find or create the customer who buys."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from integrations.outbox.events import publish
from subscriptions.email_addresses import email_key
from subscriptions.events import CustomerRegistered
from subscriptions.models import Customer
from subscriptions.operations.locks import locked_customer_with


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """The buyer's data from the checkout. The caller has validated it: ``email`` is well formed, ``phone`` is E.164."""

    email: str
    name: str
    phone: str = ""
    locale: str = "en"
    marketing_consent: bool = False
    sms_consent: bool = False


@transaction.atomic
def find_or_register_customer(*, buyer: Buyer) -> Customer:
    """The customer with the buyer's e-mail address. A new address is registered as a new customer.

    The data of an existing customer does not change: typing an address does not prove that the buyer owns it. The
    customer stays locked, so that no erasure begins before the purchase is stored. An erased customer has no address,
    so the same person becomes a new customer.
    """
    known = locked_customer_with(email_key=email_key(buyer.email))
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
    # If two first purchases run at once, one inserts the row and the other reads it.
    Customer.objects.bulk_create([customer], ignore_conflicts=True)
    stored = locked_customer_with(email_key=customer.email_key)
    assert stored is not None  # a customer is not erased at the moment of the first purchase
    if stored.pk == customer.pk:
        publish(CustomerRegistered(customer_id=stored.pk))
    return stored
