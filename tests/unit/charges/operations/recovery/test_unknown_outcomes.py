"""Payments with an unknown outcome are checked at Stripe, a few times and never in a burst."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from charges.models import ChargeAttempt
from charges.operations import attempts
from charges.operations.recovery.unknown_outcomes import check_unknown_outcomes
from integrations.errors import ProviderUnclear
from integrations.outbox.models import OutboxMessage
from tests.support.concurrency import errors_at_once
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def attempt(status: str = "unknown", *, started_at: dt.datetime = NOW, **fields: Any) -> ChargeAttempt:
    """An attempt at a new order of its own."""
    charge = attempts.open_charge(order_id=place_order().pk)
    assert charge is not None
    closed = {} if status in ChargeAttempt.OPEN else {"finished_at": started_at}
    return ChargeAttempt.objects.create(
        charge=charge,
        number=1,
        idempotency_key=f"charge:{charge.pk}:confirm:1",
        status=status,
        started_at=started_at,
        **closed,
        **fields,
    )


def asked(found: ChargeAttempt) -> int:
    found.refresh_from_db()
    return found.outcome_checks


@pytest.mark.parametrize("status", ["started", "unknown", "processing"])
def test_it_is_checked_after_five_minutes_an_hour_and_a_day(status: str) -> None:
    found = attempt(status)
    asks = {}
    for after in (4 * MINUTE, 5 * MINUTE, 6 * MINUTE, HOUR, 2 * HOUR, 23 * HOUR, DAY, 2 * DAY, 30 * DAY):
        check_unknown_outcomes(at=NOW + after)
        asks[after] = asked(found)

    assert list(asks.values()) == [0, 1, 1, 2, 2, 2, 3, 3, 3]
    assert published() == {"PaymentDue": 3}
    order = found.charge.order
    assert OutboxMessage.objects.filter(
        task="charges.capture_payment",
        kwargs={"order_id": str(order.pk), "customer_id": str(order.customer_id), "order_number": order.number},
    ).count() == 3  # fmt: skip


@pytest.mark.parametrize(("after", "asks"), [(50 * MINUTE, 1), (3 * HOUR, 2), (2 * DAY, 3)])
def test_an_attempt_that_missed_several_checks_is_checked_once(after: dt.timedelta, asks: int) -> None:
    found = attempt()

    for minutes in range(3):
        check_unknown_outcomes(at=NOW + after + minutes * MINUTE)

    assert (asked(found), published()) == (asks, {"PaymentDue": 1})


@pytest.mark.parametrize(
    "status", ["requires_action", "succeeded", "declined", "rejected", "canceled", "without_effect"]
)
def test_an_attempt_with_an_outcome_or_waiting_for_the_customer_is_not_checked(status: str) -> None:
    found = attempt(status)
    assert check_unknown_outcomes(at=NOW + DAY) == 0
    assert (asked(found), published()) == (0, {})


def test_a_batch_takes_the_oldest_and_the_next_run_takes_the_rest() -> None:
    found = [attempt(started_at=NOW + n * MINUTE) for n in range(5)]
    later = NOW + 30 * MINUTE

    assert check_unknown_outcomes(at=later, batch=3) == 3
    assert [asked(one) for one in found] == [1, 1, 1, 0, 0]
    assert check_unknown_outcomes(at=later, batch=3) == 2
    assert check_unknown_outcomes(at=later, batch=3) == 0
    assert published() == {"PaymentDue": 5}


def test_many_take_as_many_statements_as_one() -> None:
    counts = []
    for number in (1, 20):
        for _ in range(number):
            attempt()
        with CaptureQueriesContext(connection) as queries:
            assert check_unknown_outcomes(at=NOW + 10 * MINUTE) == number
        counts.append([query["sql"].split()[0] for query in queries])
    assert counts == [["BEGIN", "SELECT", "UPDATE", "INSERT", "COMMIT"]] * 2


def test_two_runs_at_once_check_once() -> None:
    found = [attempt() for _ in range(30)]

    assert errors_at_once(*[lambda: check_unknown_outcomes(at=NOW + HOUR, batch=20)] * 3) == []
    while check_unknown_outcomes(at=NOW + HOUR, batch=20):
        pass

    assert published() == {"PaymentDue": 30}
    assert {asked(one) for one in found} == {2}


def test_a_run_skips_an_attempt_that_is_being_settled() -> None:
    held, free = attempt(), attempt()
    with transaction.atomic():
        ChargeAttempt.objects.select_for_update().get(pk=held.pk)
        assert errors_at_once(lambda: check_unknown_outcomes(at=NOW + HOUR)) == []
    assert (asked(held), asked(free)) == (0, 2)


def test_a_payment_whose_response_was_lost_is_settled_by_a_check(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(ProviderUnclear):
        capture(order)

    assert check_unknown_outcomes(at=NOW + 5 * MINUTE) == 1
    capture(order, at=NOW + 5 * MINUTE)

    order.refresh_from_db()
    assert (order.status, stripe_sandbox.statuses()) == ("paid", ["succeeded"])
    assert len(stripe_sandbox.requests(path="/confirm")) == 1, "the intent was read, and believed"
    assert check_unknown_outcomes(at=NOW + DAY) == 0
