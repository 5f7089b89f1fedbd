"""The admin pages of charges and their attempts, read-only."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from charges import queries
from charges.models import Charge, SavedPaymentMethod, StripeCustomer
from subscriptions.models import User
from tests.support.days import NOW
from tests.support.factories import dunning_run_of, place_order, request_refund, troubled_order
from tests.support.queries import queries_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", "a long password"))
    return client


def declined_charge(**fields: Any) -> Charge:
    charge = Charge.objects.create(
        order=place_order(), payment_method="pm_1", status="failed", **{"amount": 1290, "currency": "EUR", **fields}
    )
    charge.attempts.create(
        number=1,
        idempotency_key=f"{charge.pk}:1",
        status="declined",
        decline_code="insufficient_funds",
        started_at=NOW,
        finished_at=NOW,
    )
    return charge


def test_the_list_shows_formatted_amounts(
    staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for amount, currency in [(1290, "EUR"), (1290, "JPY")] * 10:
        declined_charge(amount=amount, currency=currency)

    with django_assert_max_num_queries(10):
        page = staff.get("/admin/charges/charge/").content.decode()

    assert "12.90 EUR" in page
    assert "1,290 JPY" in page


def test_a_charge_shows_its_attempts(staff: Client) -> None:
    page = staff.get(f"/admin/charges/charge/{declined_charge().pk}/change/").content.decode()

    assert "12.90 EUR" in page
    assert "insufficient_funds" in page
    assert "The account does not have enough money." in page
    assert "soft (by decline_code)" in page
    assert "Wait: a later attempt may succeed." in page
    assert 'name="_save"' not in page
    assert "deletelink" not in page


def test_an_attempt_shows_its_meaning_and_next_step_first(staff: Client) -> None:
    charge = declined_charge()
    charge.attempts.update(task_id="11111111-2222-3333-4444-555555555555")
    page = staff.get(f"/admin/charges/charge/{charge.pk}/change/").content.decode().partition('id="attempts-group"')[2]
    fields = list(dict.fromkeys(re.findall(r" field-(\w+)", page)))
    assert fields[:5] == ["started_at", "payment_method", "status", "meaning", "next_step"]
    assert f"{charge.order.number} #1" in page
    assert "11111111" not in page


def test_rows_are_named_after_their_order(staff: Client) -> None:
    order = troubled_order(steps=1)
    charge, run = Charge.objects.get(order=order), dunning_run_of(order)
    named = [charge, charge.attempts.get(), charge.refunds.get(), run, run.steps.get()]
    assert [str(row) for row in named] == [
        f"12.90 EUR for {order.number}",
        f"{order.number} #1",
        f"0.01 EUR back for {order.number}",
        f"dunning of {order.number}",
        f"{order.number} step 1",
    ]


def test_more_attempts_and_refunds_need_no_more_queries(staff: Client) -> None:
    few, many = (Charge.objects.get(order=troubled_order(steps=steps)) for steps in (1, 8))
    for _ in range(5):
        request_refund(many, 1)
    url = "/admin/charges/charge/{}/change/"
    assert queries_for(staff, url.format(many.pk)) == queries_for(staff, url.format(few.pk))


@pytest.mark.parametrize("status", ["started", "succeeded", "unknown"])
def test_an_attempt_that_was_not_declined_has_no_meaning(staff: Client, status: str) -> None:
    charge = declined_charge()
    charge.attempts.update(status=status, decline_code="", finished_at=None if status != "succeeded" else NOW)
    assert queries.reading(attempt=charge.attempts.get()) is None
    assert staff.get(f"/admin/charges/charge/{charge.pk}/change/").status_code == 200


def test_charges_are_found_by_order_number_email_and_payment_intent(staff: Client) -> None:
    charge = declined_charge(payment_intent_id="pi_123")
    for text in (charge.order.number, charge.order.customer.email, "pi_123"):
        assert "12.90 EUR" in staff.get("/admin/charges/charge/", {"q": text}).content.decode(), text


@pytest.mark.parametrize("model", ["charge", "stripecustomer", "savedpaymentmethod"])
def test_staff_cannot_add_rows(staff: Client, model: str) -> None:
    assert staff.get(f"/admin/charges/{model}/add/").status_code == 403


def test_stripe_customers_and_payment_methods_are_listed(staff: Client) -> None:
    customer = place_order().customer
    StripeCustomer.objects.create(customer=customer, stripe_id="cus_1")
    SavedPaymentMethod.objects.create(customer=customer, payment_method_id="pm_1", stripe_id="pm_1")
    assert "cus_1" in staff.get("/admin/charges/stripecustomer/").content.decode()
    assert "pm_1" in staff.get("/admin/charges/savedpaymentmethod/").content.decode()
