"""All lists of charges: searches that use an index, filters, and a bounded number of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from charges.models import (
    Charge,
    Dispute,
    DunningRun,
    ReconciliationFinding,
    ReconciliationRun,
    Refund,
    SavedPaymentMethod,
    StripeCustomer,
)
from subscriptions.models import User
from tests.support.factories import troubled_order
from tests.support.queries import queries_for

pytestmark = pytest.mark.django_db

LISTS = [
    Charge,
    Dispute,
    DunningRun,
    ReconciliationFinding,
    ReconciliationRun,
    Refund,
    SavedPaymentMethod,
    StripeCustomer,
]
OF_ORDERS = ["charge", "dispute", "dunningrun", "reconciliationfinding", "refund"]


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", "a long password"))
    return client


@pytest.mark.parametrize("model", LISTS)
def test_every_list_has_a_search_filters_and_an_ordering(model: Any) -> None:
    found = admin.site.get_model_admin(model)
    assert found.search_fields
    assert found.list_filter
    assert found.ordering


@pytest.mark.parametrize("model", LISTS)
def test_every_search_can_use_an_index(model: Any) -> None:
    lookups = [name.rpartition("__")[2] for name in admin.site.get_model_admin(model).search_fields]
    assert set(lookups) <= {"exact", "startswith"}


@pytest.mark.parametrize("model", OF_ORDERS)
def test_a_row_is_found_by_its_order_and_by_its_customer(staff: Client, model: str) -> None:
    order, other = troubled_order(), troubled_order()
    for text in (order.number, order.customer.email, order.customer.email.title()):
        page = staff.get(f"/admin/charges/{model}/", {"q": text}).content.decode()
        assert order.number in page, text
        assert other.number not in page, text


@pytest.mark.parametrize("model", OF_ORDERS)
@pytest.mark.parametrize("text", ["nonsense", "\x00", "'%", "9" * 40, "ünï @"])
def test_a_search_without_a_match_finds_nothing(staff: Client, model: str, text: str) -> None:
    order = troubled_order()
    response = staff.get(f"/admin/charges/{model}/", {"q": text})
    assert response.status_code == 200
    if "\x00" not in text:  # Django ignores a search with a NUL character
        assert order.number not in response.content.decode()


@pytest.mark.parametrize("model", OF_ORDERS)
def test_a_longer_list_needs_no_more_queries(staff: Client, model: str) -> None:
    troubled_order(steps=2)
    url = f"/admin/charges/{model}/"
    few = queries_for(staff, url)
    for _ in range(5):
        troubled_order(steps=2)
    assert queries_for(staff, url) == few


def test_a_longer_dunning_run_needs_no_more_queries(staff: Client) -> None:
    short, long = (DunningRun.objects.get(order=troubled_order(steps=steps)) for steps in (1, 8))
    url = "/admin/charges/dunningrun/{}/change/"
    assert queries_for(staff, url.format(long.pk)) == queries_for(staff, url.format(short.pk))
