"""An order keeps the contact data with which it was placed."""

from __future__ import annotations

import pytest

from orders.models import Order
from orders.operations.contacts import contact_of
from subscriptions.models import Customer
from subscriptions.operations.customers import Buyer
from tests.support.factories import make_customer, make_order, place_renewal

pytestmark = pytest.mark.django_db

ANN = {"contact_name": "Ann Lee", "contact_phone": "+4915112345678", "contact_locale": "en", "sms_consent": True}


def contact(order: Order) -> dict[str, object]:
    stored = Order.objects.get(pk=order.pk)
    return {name: getattr(stored, name) for name in ANN}


def test_of_a_checkout_it_is_what_the_buyer_typed() -> None:
    buyer = Buyer(email="ann@example.com", name="Annie", locale="de", marketing_consent=True)
    assert contact_of(buyer) == {
        "contact_name": "Annie",
        "contact_phone": "",
        "contact_locale": "de",
        "sms_consent": False,
        "marketing_consent": True,
    }


def test_a_later_change_of_the_customer_changes_only_later_orders() -> None:
    order = make_order(customer=make_customer())
    Customer.objects.update(name="Ann Smith", phone="", locale="fr", sms_consent=False)
    order.refresh_from_db()

    renewal = place_renewal(order, payment_method="pm_card_visa")

    assert contact(order) == ANN
    assert contact(renewal) == {
        "contact_name": "Ann Smith",
        "contact_phone": "",
        "contact_locale": "fr",
        "sms_consent": False,
    }
