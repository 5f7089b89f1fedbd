"""The other direction: our own rows that Stripe did not list."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from charges.models import Charge, Dispute, ReconciliationRun, Refund, SeenAtStripe
from charges.operations.reconciliation import unseen
from tests.support.days import NOW
from tests.support.factories import make_charge, place_order, succeeded_charge

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def run() -> ReconciliationRun:
    return ReconciliationRun.objects.create(since=NOW - HOUR, until=NOW, started_at=NOW)


def charge(stripe_id: str | None, *, made_at: dt.datetime = NOW - HOUR / 2) -> Charge:
    row = make_charge(payment_intent_id=stripe_id)
    Charge.objects.filter(pk=row.pk).update(created_at=made_at)
    return row


def see(run: ReconciliationRun, kind: str, stripe_id: str) -> None:
    SeenAtStripe.objects.create(run_id=run.pk, kind=kind, stripe_id=stripe_id)


def ids(run: ReconciliationRun, *, kind: str = "intent", after: str = "", limit: int = 10) -> list[str]:
    return [row.stripe_id for row in unseen.unseen(run, kind=kind, after=after, limit=limit)]


def test_only_rows_with_an_id_in_the_window_that_this_run_has_not_seen(run: ReconciliationRun) -> None:
    charge("pi_unseen")
    charge("pi_seen")
    charge("pi_seen_by_another_run")
    charge("pi_at_the_start", made_at=run.since)
    charge("pi_at_the_end", made_at=run.until)
    charge("pi_before", made_at=run.since - HOUR)
    charge(None)
    see(run, "intent", "pi_seen")
    see(run, "refund", "pi_unseen")
    other = ReconciliationRun.objects.create(since=NOW - HOUR, until=NOW, started_at=NOW)
    see(other, "intent", "pi_seen_by_another_run")
    assert sorted(ids(run)) == ["pi_at_the_start", "pi_seen_by_another_run", "pi_unseen"]


def test_batches_follow_each_other_by_the_last_id(
    run: ReconciliationRun, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        charge(f"pi_{number}")
    with django_assert_num_queries(1):
        first = unseen.unseen(run, kind="intent", after="", limit=3)
    assert [row.stripe_id for row in first] == ["pi_0", "pi_1", "pi_2"]
    assert ids(run, after=str(first[-1].id), limit=3) == ["pi_3", "pi_4"]


def rows_of_each_kind() -> dict[str, Any]:
    paid = succeeded_charge(place_order())
    Charge.objects.filter(pk=paid.pk).update(created_at=NOW - HOUR / 2)
    refund = Refund.objects.create(charge=paid, stripe_id="re_1", amount=500, requested_at=NOW - HOUR / 2)
    dispute = Dispute.objects.create(
        charge=paid,
        stripe_id="du_1",
        amount=700,
        currency="USD",
        status="lost",
        is_inquiry=False,
        opened_at=NOW - HOUR / 2,
        closed_at=NOW,
    )
    return {"intent": paid, "refund": refund, "dispute": dispute}


@pytest.mark.parametrize(
    ("kind", "amount", "currency", "status"),
    [("intent", 1290, "EUR", "succeeded"), ("refund", 500, "EUR", "pending"), ("dispute", 700, "USD", "lost")],
)
def test_each_kind_is_read_into_the_same_fields(
    run: ReconciliationRun, kind: str, amount: int, currency: str, status: str
) -> None:
    made = rows_of_each_kind()
    [row] = unseen.unseen(run, kind=kind, after="", limit=10)
    assert (row.id, row.charge_id, row.made_at) == (made[kind].pk, made["intent"].pk, NOW - HOUR / 2)
    assert (row.amount, row.currency, row.status) == (amount, currency, status)
    assert unseen.own_row(kind=kind, stripe_id=row.stripe_id) == row
    assert unseen.own_row(kind=kind, stripe_id="unknown") is None
    difference = unseen.missing_at_stripe(kind, row)
    assert (difference.problem, difference.stripe_id) == ("missing_there", row.stripe_id)
    assert (difference.charge_id, difference.remedy.name) == (row.charge_id, "NONE")
