"""The rows of a payment: one charge for each order, and one open attempt for each charge."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest

from charges.models import Charge, ChargeAttempt
from charges.operations import attempts
from integrations.stripe.results import Decline
from orders.models import AWAITING_PAYMENT, Order
from orders.queries import OrderNotFound
from subscriptions.models import Subscription
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.factories import make_attempt, make_charge, place_order

pytestmark = pytest.mark.django_db

LATER = NOW + dt.timedelta(minutes=1)
DECLINE = Decline(code="card_declined", decline_code="insufficient_funds", stripe_charge_id="ch_1")


class TestOpenCharge:
    @pytest.mark.parametrize("status", AWAITING_PAYMENT)
    def test_an_unpaid_order_gets_one_charge_with_its_amount_and_payment_method(self, status: str) -> None:
        order = place_order(amount=700, currency="USD", payment_method="pm_1", status=status)
        charge = attempts.open_charge(order_id=order.pk)
        assert charge is not None
        assert (charge.amount, charge.currency, charge.payment_method) == (700, "USD", "pm_1")
        assert (charge.status, charge.payment_intent_id) == ("pending", None)
        assert attempts.open_charge(order_id=order.pk) == charge

    @pytest.mark.parametrize("status", ["canceled", "paid"])
    def test_an_order_that_awaits_no_payment_gets_none(self, status: str) -> None:
        order = place_order(status=status, paid_at=NOW)
        assert attempts.open_charge(order_id=order.pk) is None
        assert not Charge.objects.exists()

    def test_an_existing_charge_is_returned_for_an_order_of_any_status(self) -> None:
        charge = make_charge(place_order(status="canceled"))
        assert attempts.open_charge(order_id=charge.order_id) == charge

    def test_an_unknown_order_is_an_error(self) -> None:
        with pytest.raises(OrderNotFound):
            attempts.open_charge(order_id=uuid4())

    @pytest.mark.django_db(transaction=True)
    def test_concurrent_deliveries_open_one_charge(self) -> None:
        order = place_order()
        found = at_once(lambda: attempts.open_charge(order_id=order.pk), times=4)
        assert found == [Charge.objects.get()] * 4


def claim(charge: Charge, *, task_id: str = "task-1") -> attempts.ClaimedAttempt | None:
    return attempts.claim(charge_id=charge.pk, task_id=task_id, at=NOW)


class TestClaim:
    def test_the_first_delivery_begins_an_attempt_and_the_next_one_resumes_it(self) -> None:
        charge = make_charge()
        first, second = claim(charge), claim(charge, task_id="task-2")
        assert first is not None and second is not None
        assert (first.resumed, second.resumed, second.attempt) == (False, True, first.attempt)
        assert first.attempt.idempotency_key == f"charge:{charge.pk}:confirm:1"
        assert (first.attempt.task_id, first.attempt.trigger, first.attempt.started_at) == ("task-1", "order", NOW)

    @pytest.mark.parametrize(
        ("charge_status", "attempt_status", "begins"),
        [
            ("failed", "rejected", True),
            ("failed", "declined", False),
            ("pending", "declined", True),
            ("requires_action", "requires_action", False),
            ("canceled", "canceled", False),
            ("processing", "declined", False),
        ],
    )
    def test_another_attempt_begins_only_if_the_last_one_asks_for_it(
        self, charge_status: str, attempt_status: str, begins: bool
    ) -> None:
        charge = make_charge(status=charge_status)
        make_attempt(charge, status=attempt_status)
        claimed = claim(charge)
        assert (claimed is not None) is begins
        if claimed:
            charge.refresh_from_db()
            assert (claimed.attempt.number, claimed.resumed, charge.status) == (2, False, "pending")

    def test_a_processing_attempt_is_resumed(self) -> None:
        charge = make_charge(status="processing")
        attempt = make_attempt(charge, status="processing")
        claimed = claim(charge)
        assert claimed is not None and (claimed.attempt, claimed.resumed) == (attempt, True)

    @pytest.mark.parametrize(
        ("order_status", "subscription_status"),
        [("canceled", "active"), ("pending_payment", "canceled"), ("pending_payment", "paused")],
    )
    def test_no_attempt_begins_for_an_order_that_must_not_be_collected(
        self, order_status: str, subscription_status: str
    ) -> None:
        charge = make_charge(place_order(status=order_status))
        Subscription.objects.update(status=subscription_status, canceled_at=NOW, renews_at=None)
        assert claim(charge) is None
        assert not ChargeAttempt.objects.exists()


class TestReplace:
    def test_the_next_attempt_continues_the_first_under_another_key(self) -> None:
        charge = make_charge()
        first = make_attempt(charge, status="unknown", trigger="dunning", task_id="t", confirmed_at=NOW)
        second = attempts.replace(attempt=first, at=LATER)
        first.refresh_from_db()
        assert (first.status, first.finished_at) == ("without_effect", LATER)
        assert (second.number, second.status, second.started_at) == (2, "started", LATER)
        assert (second.trigger, second.task_id, second.confirmed_at) == ("dunning", "t", NOW)
        assert second.idempotency_key != first.idempotency_key

    @pytest.mark.parametrize(
        ("charge_status", "attempt_status"), [("pending", "declined"), ("failed", "declined"), ("failed", "started")]
    )
    def test_an_attempt_that_another_worker_settled_is_not_replaced(
        self, charge_status: str, attempt_status: str
    ) -> None:
        attempt = make_attempt(make_charge(status=charge_status), status=attempt_status)
        with pytest.raises(attempts.OvertakenAttempt):
            attempts.replace(attempt=attempt, at=LATER)
        attempt.refresh_from_db()
        assert (attempt.status, ChargeAttempt.objects.count()) == (attempt_status, 1)


class TestRecordOutcome:
    def test_the_outcome_and_the_banks_codes_are_written_to_the_open_attempt(self) -> None:
        charge = make_charge()
        make_attempt(charge, status="declined")
        attempt = make_attempt(charge)
        found = attempts.record_outcome(charge=charge, status=ChargeAttempt.Status.DECLINED, decline=DECLINE, at=LATER)
        attempt.refresh_from_db()
        assert found == attempt
        assert (attempt.status, attempt.finished_at) == ("declined", LATER)
        assert (attempt.code, attempt.decline_code, attempt.stripe_charge_id) == (
            "card_declined", "insufficient_funds", "ch_1",
        )  # fmt: skip

    def test_an_outcome_that_is_still_open_has_no_end(self) -> None:
        charge = make_charge()
        attempt = make_attempt(charge)
        attempts.record_outcome(
            charge=charge, status=ChargeAttempt.Status.REQUIRES_ACTION, decline=Decline(), at=LATER
        )
        attempt.refresh_from_db()
        assert (attempt.status, attempt.finished_at) == ("requires_action", None)

    def test_codes_longer_than_their_columns_are_cut(self) -> None:
        charge = make_charge()
        make_attempt(charge)
        long = Decline(**dict.fromkeys(("code", "decline_code", "advice_code", "network_advice_code"), "x" * 999))
        attempt = attempts.record_outcome(
            charge=charge, status=ChargeAttempt.Status.DECLINED, decline=long, at=LATER
        )
        assert attempt is not None
        assert (len(attempt.code), len(attempt.network_advice_code)) == (100, 20)

    def test_without_an_open_attempt_nothing_is_written(self) -> None:
        charge = make_charge()
        attempt = make_attempt(charge, status="declined")
        assert not attempts.record_outcome(
            charge=charge, status=ChargeAttempt.Status.SUCCEEDED, decline=Decline(), at=LATER
        )
        attempt.refresh_from_db()
        assert attempt.status == "declined"


def test_only_the_first_confirmation_time_is_kept() -> None:
    attempt = make_attempt(make_charge())
    attempts.save_confirmation_time(attempt=attempt, at=NOW)
    attempts.save_confirmation_time(attempt=attempt, at=LATER)
    attempt.refresh_from_db()
    assert attempt.confirmed_at == NOW


@pytest.mark.parametrize(("before", "after"), [("started", "unknown"), ("processing", "processing")])
def test_only_a_started_attempt_becomes_unknown(before: str, after: str) -> None:
    attempt = make_attempt(make_charge(), status=before)
    attempts.mark_unknown(attempt=attempt)
    attempt.refresh_from_db()
    assert attempt.status == after


def test_the_open_attempt_is_the_one_without_an_outcome() -> None:
    charge = make_charge()
    make_attempt(charge, status="declined")
    assert attempts.open_attempt(charge=charge) is None
    found: Any = make_attempt(charge, status="requires_action")
    assert attempts.open_attempt(charge=charge) == found
    assert Order.objects.count() == 1
