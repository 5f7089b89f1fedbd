"""The helpers and base classes of the admin."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib import admin
from django.test import RequestFactory

from integrations.admin import BaseAdmin, lines, link_to, moment, short
from orders.models import as_order_number
from subscriptions.models import Customer, Plan


class CustomerPages(BaseAdmin):
    search_fields = ("email_key__startswith", "name__exact")
    search_spellings = (as_order_number,)


def found(term: str) -> list[str]:
    pages = CustomerPages(Customer, admin.site)
    request = RequestFactory().get("/")
    rows, _ = pages.get_search_results(request, Customer.objects.order_by("name"), term)
    return [customer.name for customer in rows]


def test_a_short_column_shows_the_label_up_to_the_colon() -> None:
    plan = Plan(unpaid_policy="past_due")
    column = short("unpaid_policy")
    assert column(plan) == "Leave it past due; the customer can still pay"
    plan.get_unpaid_policy_display = lambda: "Failed: declined"  # type: ignore[method-assign]
    assert column(plan) == "Failed"
    assert (column.__name__, column.short_description) == ("unpaid_policy", "unpaid policy")  # type: ignore[attr-defined]


def test_a_link_leads_to_the_rows_page_and_escapes_its_name() -> None:
    plan = Plan(pk=7, code="<b>")
    assert link_to(plan) == '<a href="/admin/subscriptions/plan/7/change/">&lt;b&gt;</a>'
    assert link_to(plan, "tea") == '<a href="/admin/subscriptions/plan/7/change/">tea</a>'
    assert link_to(None) == "-"


def test_lines_are_escaped_and_stand_below_each_other() -> None:
    assert lines(["a", "<b>"]) == "a<br>&lt;b&gt;"
    assert lines([]) == "-"


def test_a_moment_is_formatted_as_django_formats_columns() -> None:
    assert moment(dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)) == "March 1, 2026, 12:30 p.m."
    assert moment(None) == "-"


@pytest.mark.django_db
def test_search_finds_the_term_as_typed_its_spellings_and_emails_in_any_case() -> None:
    for name, email in [("7K3M9-Q2XAB", "ada@example.com"), ("Bob", "7k3m9q2xab@example.com")]:
        Customer.objects.create(name=name, email=email, email_key=email)
    assert found("7k3m9q2xab") == ["7K3M9-Q2XAB", "Bob"]
    assert found("ADA@Example.com") == ["7K3M9-Q2XAB"]
    assert found("nobody") == []
