"""The row locks of customers and subscriptions make another transaction wait."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import transaction

from subscriptions.models import Customer, Subscription
from subscriptions.operations import locks
from subscriptions.queries import CustomerNotFound
from tests.support.concurrency import is_locked
from tests.support.factories import make_customer, place_order

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_customer_is_locked_until_the_transaction_ends() -> None:
    ann, bob = make_customer(), make_customer(email="bob@example.com")
    with transaction.atomic():
        assert locks.locked_customer(customer_id=ann.pk) == ann
        assert (is_locked(ann), is_locked(bob)) == (True, False)
    assert not is_locked(ann)


def test_several_customers_are_locked_by_primary_key() -> None:
    customers = [make_customer(email=f"{number}@example.com") for number in range(5)]
    with transaction.atomic():
        ids = locks.locked_customer_ids(Customer.objects.order_by("-email"))
        assert ids == sorted(customer.pk for customer in customers)
        assert all(map(is_locked, customers))


def test_a_subscription_is_locked_without_its_customer() -> None:
    subscription = place_order().subscription
    with transaction.atomic():
        assert locks.locked_subscription(subscription_id=subscription.pk) == subscription
        assert (is_locked(subscription), is_locked(subscription.customer)) == (True, False)


def test_unknown_ids_are_errors() -> None:
    with transaction.atomic(), pytest.raises(CustomerNotFound):
        locks.locked_customer(customer_id=uuid4())
    with transaction.atomic(), pytest.raises(Subscription.DoesNotExist):
        locks.locked_subscription(subscription_id=uuid4())
