"""Higher apps add sections to the admin page of an order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils.html import escape

from charges.models import Refund
from orders import admin
from orders.models import Order
from subscriptions.models import User
from tests.support.factories import make_order, succeeded_charge

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registered_sections() -> Iterator[None]:
    before = dict(admin._sections)
    yield
    admin._sections.clear()
    admin._sections.update(before)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def page_of(client: Client, order: Order) -> str:
    return client.get(f"/admin/orders/order/{order.pk}/change/").content.decode()


def test_the_apps_above_add_their_sections() -> None:
    assert list(admin._sections) == ["payment", "dunning", "refunds", "disputes", "messages to the customer"]


def test_a_section_shows_a_link_and_the_status_of_each_row(staff: Client) -> None:
    order = make_order()
    charge = succeeded_charge(order)
    page = page_of(staff, order)
    assert f'<a href="/admin/charges/charge/{charge.pk}/change/">{escape(charge)}: succeeded</a>' in page


def test_a_registered_section_is_shown(staff: Client) -> None:
    admin.register_section(label="orders alike", rows=lambda order: Order.objects.filter(amount=order.amount))
    order = make_order()
    page = page_of(staff, order)
    assert "field-orders_alike" in page
    assert f">{order.number}: paid</a>" in page


def test_a_section_shows_fifty_rows_at_most(staff: Client) -> None:
    charge = succeeded_charge(make_order())
    Refund.objects.bulk_create(
        [Refund(charge=charge, amount=1, origin=Refund.Origin.SHOP) for _ in range(admin.MAX_SECTION_ROWS + 1)]
    )
    page = page_of(staff, charge.order)
    assert page.count("/admin/charges/refund/") == admin.MAX_SECTION_ROWS
    assert "<br>and more" in page


def test_two_sections_cannot_have_the_same_label() -> None:
    with pytest.raises(ImproperlyConfigured, match="payment"):
        admin.register_section(label="payment", rows=lambda order: Order.objects.none())
