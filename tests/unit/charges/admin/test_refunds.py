"""The admin pages of refunds, read-only."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscriptions.models import User
from tests.support.days import NOW
from tests.support.factories import place_order, request_refund, staff_user, succeeded_charge

pytestmark = pytest.mark.django_db

LIST = "/admin/charges/refund/"


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def test_the_list_shows_formatted_amounts(
    staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    staff_member = staff_user()
    for currency in ["EUR", "JPY"] * 10:
        request_refund(succeeded_charge(place_order(currency=currency, paid_at=NOW)), 1200, requested_by=staff_member)
    with django_assert_max_num_queries(10):
        page = staff.get(LIST).content.decode()
    assert "12.00 EUR" in page
    assert "1,200 JPY" in page
    assert staff_member.email in page


def test_refunds_are_found_by_order_email_payment_intent_and_id(staff: Client) -> None:
    refund = request_refund(succeeded_charge(place_order(paid_at=NOW)), 1200)
    order = refund.charge.order
    for text in (order.number, order.customer.email, refund.charge.payment_intent_id, str(refund.pk)):
        assert "12.00 EUR" in staff.get(LIST, {"q": text}).content.decode(), text
    assert "12.00 EUR" not in staff.get(LIST, {"q": "nobody"}).content.decode()
    assert "12.00 EUR" not in staff.get(LIST, {"status__exact": "failed"}).content.decode()


def test_the_pages_of_a_refund_and_its_charge_are_read_only(
    staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    charge = succeeded_charge(place_order(paid_at=NOW))
    refunds = [request_refund(charge, 100, note="the kettle broke") for _ in range(9)]
    with django_assert_max_num_queries(15):
        page = staff.get(f"/admin/charges/charge/{charge.pk}/change/").content.decode()
    assert page.count("the kettle broke") == 9
    assert "9.00 EUR" in page
    for address in (f"{LIST}{refunds[0].pk}/change/", f"/admin/charges/charge/{charge.pk}/change/"):
        page = staff.get(address).content.decode()
        assert "1.00 EUR" in page
        assert 'name="_save"' not in page
        assert "deletelink" not in page
