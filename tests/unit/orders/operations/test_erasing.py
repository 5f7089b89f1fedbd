from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orders.models import BalanceEntry, Order
from orders.operations import erasing
from tests.support.days import NOW
from tests.support.erasures import begun_erasure, step_of
from tests.support.factories import make_customer, make_order, make_plan

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = {"name": "Ann Lee", "line1": "Street 1", "postal_code": "SW1A 1AA", "city": "London", "country": "GB"}


def test_of_an_order_the_country_and_the_start_of_the_code_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    ann, bob = make_customer(), make_customer(email="bob@example.com")
    for _ in range(5):
        make_order(customer=ann, status="fulfilled", plan={"code": make_plan().code})
    bobs = make_order(customer=bob, status="fulfilled")
    Order.objects.update(
        shipping_address=ADDRESS, fulfillment_started_at=NOW, contact_name="Ann", contact_phone="+4915199999999"
    )
    erasure = begun_erasure(ann)

    assert erasing.erase_addresses(erasure_id=erasure.pk, at=NOW)

    shortened = {"country": "GB", "postal_code": "SW"}
    assert [order.shipping_address for order in Order.objects.filter(customer=ann)] == [shortened] * 5
    contacts = Order.objects.filter(customer=ann).values_list("contact_name", "contact_phone")
    assert set(contacts) == {("", "")}
    assert erasure.phones == ["+4915112345678", "+4915199999999"]
    assert step_of(erasure, "orders").detail == "contact data of 5 orders erased"
    bobs.refresh_from_db()
    assert (bobs.shipping_address, bobs.contact_name) == (ADDRESS, "Ann")
    assert not erasing.erase_addresses(erasure_id=erasure.pk, at=NOW)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ({}, {"country": "", "postal_code": ""}),
        ({"country": "DE", "postal_code": None}, {"country": "DE", "postal_code": ""}),
        ({"country": "DE", "postal_code": "10827"}, {"country": "DE", "postal_code": "10"}),
        ({"country": "DE", "postal_code": "10"}, {"country": "DE", "postal_code": "10"}),
    ],
)
def test_what_stays_of_an_address(address: dict[str, Any], kept: dict[str, str]) -> None:
    assert erasing.shortened(address) == kept


@pytest.mark.parametrize(
    ("status", "started", "reason"),
    [
        ("pending_payment", False, "is not paid"),
        ("requires_action", False, "is not paid"),
        ("payment_failed", False, "is not paid"),
        ("paid", False, "fulfillment has not started"),
        ("paid", True, ""),
        ("fulfilled", True, ""),
        ("canceled", False, ""),
        ("refunded", False, ""),
        ("partially_refunded", False, ""),
    ],
)
def test_open_orders(status: str, started: bool, reason: str) -> None:
    order = make_order(status=status)
    Order.objects.update(fulfillment_started_at=NOW if started else None)
    found = erasing.PART.open_money(order.customer_id)
    assert bool(found) == bool(reason)
    assert all(reason in text and order.number in text for text in found)


def test_invoices_are_kept_for_eight_years_after_the_year_of_the_last_order() -> None:
    order = make_order(status="fulfilled")
    Order.objects.update(placed_at=dt.datetime(2026, 12, 31, 23, tzinfo=dt.UTC))
    assert erasing.keep_invoices_until(customer_id=order.customer_id, at=NOW) == dt.date(2034, 12, 31)
    [kept] = erasing.PART.kept(order.customer_id, NOW)
    assert kept.until == dt.date(2034, 12, 31)
    assert "the language" in kept.what
    assert erasing.PART.kept(make_customer(email="bob@example.com").pk, NOW) == []


def test_the_copy_holds_the_orders_with_lines_and_address() -> None:
    order = make_order(status="fulfilled")
    Order.objects.update(shipping_address=ADDRESS)
    make_order(customer={"email": "bob@example.com"})
    [row] = erasing.PART.sections["orders"](order.customer_id)
    assert (row["number"], row["shipping_address"]) == (order.number, ADDRESS)
    assert row["lines"] == [{"description": "Coffee, monthly", "quantity": 1, "unit_amount": 1290, "amount": 1290}]


def test_the_copy_holds_the_contact_data_and_consents_of_orders() -> None:
    order = make_order(status="fulfilled")
    contact: dict[str, Any] = {"contact_name": "Ann", "contact_phone": "+4915199999999", "contact_locale": "de-AT"}
    contact |= {"sms_consent": True, "marketing_consent": True}
    Order.objects.update(**contact)
    [row] = erasing.PART.sections["orders"](order.customer_id)
    assert {name: row.get(name) for name in contact} == contact


def test_the_copy_holds_the_balance() -> None:
    order = make_order(status="fulfilled")
    given = {"reason": "staff", "actor_kind": "staff", "actor": "x"}
    BalanceEntry.objects.create(subscription=order.subscription, amount=500, currency="EUR", at=NOW, **given)
    assert [row["amount"] for row in erasing.PART.sections["balance"](order.customer_id)] == [500]
