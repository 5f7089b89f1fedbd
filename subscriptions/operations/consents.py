"""Withdraw a customer's consent."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from integrations.outbox.events import publish_all
from subscriptions.email_addresses import email_key
from subscriptions.events import CustomerUpdated
from subscriptions.models import Customer
from subscriptions.operations.locks import locked_customer_ids


@transaction.atomic
def withdraw_marketing_consent(*, email: str) -> int:
    """Withdraw the marketing consent of the customer with this address; return how many consents ended, 0 or 1."""
    ids = locked_customer_ids(Customer.objects.filter(email_key=email_key(email), marketing_consent=True))
    Customer.objects.filter(pk__in=ids).update(marketing_consent=False, updated_at=Now())
    publish_all(CustomerUpdated(customer_id=pk) for pk in ids)
    return len(ids)


@transaction.atomic
def withdraw_sms_consent(*, phone_digits: str) -> int:
    """Withdraw the SMS consent of all customers with this phone number; return how many consents ended.

    ``phone_digits``: the number in E.164 without the plus sign. Several customers may share a number.
    """
    ids = locked_customer_ids(Customer.objects.filter(phone=f"+{phone_digits}", sms_consent=True))
    Customer.objects.filter(pk__in=ids).update(sms_consent=False, updated_at=Now())
    publish_all(CustomerUpdated(customer_id=pk) for pk in ids)
    return len(ids)
