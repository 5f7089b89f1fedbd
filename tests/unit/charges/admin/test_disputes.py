"""The admin pages of disputes: sorted by deadline, with the next step, read-only."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from charges.models import Charge, Dispute
from subscriptions.models import Subscription, User
from tests.support.days import NOW
from tests.support.factories import place_order

pytestmark = pytest.mark.django_db

LIST = "/admin/charges/dispute/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", "a long password"))
    return client


def disputed(stripe_id: str = "du_1", *, subscription: str = "active", due: int | None = 9, **fields: Any) -> Dispute:
    order = place_order()
    Subscription.objects.filter(pk=order.subscription_id).update(
        status=subscription, canceled_at=NOW, renews_at=None
    )
    charge = Charge.objects.create(
        order=order,
        amount=1290,
        currency="EUR",
        payment_method="pm_1",
        status="succeeded",
        payment_intent_id=f"pi_{stripe_id}",
        succeeded_at=NOW,
    )
    closed = NOW if fields.get("status") in Dispute.CLOSED else None
    values = {"amount": 1290, "currency": "EUR", "status": "needs_response", "reason": "fraudulent"}
    dispute = Dispute.objects.create(
        charge=charge,
        stripe_id=stripe_id,
        is_inquiry=False,
        due_by=None if due is None else NOW + dt.timedelta(days=due),
        opened_at=NOW,
        closed_at=closed,
        **{**values, **fields},
    )
    return Dispute.objects.select_related("charge__order__subscription").get(pk=dispute.pk)


def test_open_disputes_come_first_sorted_by_deadline(staff: Client) -> None:
    disputed("du_lost", status="lost", due=None)
    disputed("du_later", due=7)
    disputed("du_won", status="won", due=1)
    disputed("du_now", due=2)
    disputed("du_no_deadline", status="under_review", due=None)

    page = staff.get(LIST).content.decode()

    order = ["du_now", "du_later", "du_no_deadline", "du_won", "du_lost"]
    places = [page.index(f">{name}<") for name in order]
    assert places[:3] == sorted(places[:3])
    assert max(places[:3]) < min(places[3:])
    assert "12.90 EUR" in page
    assert "Submit evidence in the Stripe dashboard by 2026-03-03 12:00 UTC." in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"closed": "no"}, {"du_open"}),
        ({"closed": "yes"}, {"du_lost"}),
        ({"closed": "?"}, {"du_open", "du_lost"}),
        ({"status": "lost"}, {"du_lost"}),
        ({"reason": "general"}, {"du_open"}),
        ({"q": "du_lost"}, {"du_lost"}),
        ({"q": "pi_du_open"}, {"du_open"}),
    ],
)
def test_filters_and_search(staff: Client, query: dict[str, str], shown: set[str]) -> None:
    disputed("du_open", reason="general")
    disputed("du_lost", status="lost")
    page = staff.get(LIST, query).content.decode()
    assert {name for name in ("du_open", "du_lost") if f">{name}</a>" in page} == shown


def test_a_dispute_is_found_by_its_order_and_its_customer(staff: Client) -> None:
    order = disputed().charge.order
    for text in (order.number, order.customer.email):
        assert ">du_1</a>" in staff.get(LIST, {"q": text}).content.decode(), text


def test_a_long_list_needs_a_bounded_number_of_queries(
    staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        disputed(f"du_{number}")
    with django_assert_max_num_queries(9):
        staff.get(LIST)


def test_a_charge_shows_its_disputes(staff: Client) -> None:
    dispute = disputed(policy_applied="pause")
    page = staff.get(f"/admin/charges/charge/{dispute.charge_id}/change/").content.decode()
    for text in ("du_1", "fraudulent", "needs_response", f"{LIST}{dispute.pk}/change/"):
        assert text in page


def test_the_deadline_has_the_format_of_other_times(staff: Client) -> None:
    for page in (LIST, f"{LIST}{disputed().pk}/change/"):
        text = staff.get(page).content.decode()
        assert "March 10, 2026, noon" in text
        assert "2026-03-10 12:00:00" not in text


def test_a_closed_dispute_has_no_deadline(staff: Client) -> None:
    page = staff.get(f"{LIST}{disputed(status='won').pk}/change/").content.decode()
    assert page.split("field-answer_by")[1].split('class="readonly">')[1].startswith("-<")


def test_staff_cannot_change_a_dispute(staff: Client) -> None:
    dispute = disputed()
    page = staff.get(f"{LIST}{dispute.pk}/change/").content.decode()
    assert "Submit evidence in the Stripe dashboard" in page
    assert 'name="_save"' not in page
    assert staff.post(f"{LIST}{dispute.pk}/change/", {"status": "won"}).status_code == 403
    assert staff.post(f"{LIST}{dispute.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get(f"{LIST}add/").status_code == 403
