"""The admin pages of dunning runs, read-only."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client

from subscriptions.models import User
from tests.support.days import NOW
from tests.support.factories import make_charge, make_dunning_run, place_order
from tests.support.queries import queries_for

pytestmark = pytest.mark.django_db
LIST = "/admin/charges/dunningrun/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com"))
    return client


def dunned(*, done: int = 1, planned: bool = True) -> str:
    """The number of an order whose run has taken so many of three steps."""
    order = make_charge(place_order(status="payment_failed"), status="failed").order
    run = make_dunning_run(order)
    for number in range(1, done + 1):
        run.steps.create(number=number, status="reminded", due_at=NOW, done_at=NOW)
    run.steps.create(number=8, status="dropped", due_at=NOW, done_at=NOW)
    if planned:
        run.steps.create(number=9, due_at=NOW + dt.timedelta(days=2))
    return str(order.number)


def row(page: str, number: str) -> str:
    return next(row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if number in row)


def test_the_list_shows_the_steps_done_and_the_next_one(staff: Client) -> None:
    waiting, ended = dunned(), dunned(done=3, planned=False)
    page = staff.get(LIST).text
    assert "1 of 3" in row(page, waiting) and "3 of 3" in row(page, ended)
    assert "March 3, 2026" in row(page, waiting)
    assert "March 3, 2026" not in row(page, ended)


def test_the_list_takes_as_many_queries_for_many_runs(staff: Client) -> None:
    dunned()
    one = queries_for(staff, LIST)
    for _ in range(5):
        dunned()
    assert queries_for(staff, LIST) == one


def test_a_run_is_found_by_the_number_of_its_order(staff: Client) -> None:
    wanted, other = dunned(), dunned()
    page = staff.get(LIST, {"q": wanted}).text
    assert wanted in page and other not in page
