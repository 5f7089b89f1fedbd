"""Refunds are settled in any order of Stripe's statuses: forward only, amounts counted right, one message each."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from typing import Any

import pytest

from charges.models import Refund
from charges.operations import ledger
from charges.operations.refunds.settlement import (
    RefundDiffers,
    UnexpectedRefund,
    settle_refund,
    settle_rejected_refund,
)
from integrations.outbox.recovery import sweep
from integrations.stripe import results
from orders.models import Order
from tests.support.days import NOW
from tests.support.deliveries import published, start_fulfillments
from tests.support.factories import paid_charge, request_refund
from tests.support.refunds import refund_state
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def charge(stripe_sandbox: StripeSandbox) -> Any:
    return paid_charge()


def at_stripe(refund: Refund, status: str, **fields: Any) -> results.Refund:
    shown = results.Refund(
        id=f"re_{refund.pk.hex}",
        status=status,
        amount=refund.amount,
        currency="EUR",
        payment_intent_id=str(refund.charge.payment_intent_id),
        failure_reason="lost_or_stolen_card" if status == "failed" else "",
    )
    return dataclasses.replace(shown, **fields)


def settle(refund: Refund, *statuses: str, **fields: Any) -> Refund:
    for status in statuses:
        refund = settle_refund(refund_id=refund.pk, stripe=at_stripe(refund, status, **fields), at=NOW)
    return refund


def broken() -> set[str]:
    return {one.invariant.name for one in ledger.check_ledger() if not one.holds}


def refund_events() -> dict[str, int]:
    counts = published()
    return {name: counts[name] for name in ("RefundSucceeded", "RefundFailed") if counts[name]}


@pytest.mark.parametrize(
    ("statuses", "refunded", "order", "events"),
    [
        (["pending"], 500, "paid", {}),
        (["requires_action"], 500, "paid", {}),
        (["pending", "succeeded"], 500, "partially_refunded", {"RefundSucceeded": 1}),
        (["succeeded", "succeeded"], 500, "partially_refunded", {"RefundSucceeded": 1}),
        (["succeeded", "pending"], 500, "partially_refunded", {"RefundSucceeded": 1}),
        (["succeeded", "canceled"], 500, "partially_refunded", {"RefundSucceeded": 1}),
        (["pending", "failed"], 0, "paid", {"RefundFailed": 1}),
        (["failed"], 0, "paid", {"RefundFailed": 1}),
        (["pending", "canceled"], 0, "paid", {}),
        (["succeeded", "failed"], 0, "paid", {"RefundSucceeded": 1, "RefundFailed": 1}),
        (["succeeded", "failed", "failed"], 0, "paid", {"RefundSucceeded": 1, "RefundFailed": 1}),
        (["succeeded", "failed", "succeeded"], 0, "paid", {"RefundSucceeded": 1, "RefundFailed": 1}),
        (["canceled", "succeeded"], 0, "paid", {}),
    ],
    ids=lambda case: "-".join(case) if isinstance(case, list) else "",
)
def test_a_refund_moves_forward_only(
    charge: Any, statuses: list[str], refunded: int, order: str, events: dict[str, int]
) -> None:
    refund = settle(request_refund(charge, 500), *statuses)
    assert (refund_state(charge)[:2], refund_events()) == ((refunded, order), events)
    assert refund.stripe_id == f"re_{refund.pk.hex}"


def test_events_in_any_order_keep_the_sums_right(charge: Any) -> None:
    """Every sequence of three things that Stripe may say."""
    start_fulfillments()
    for statuses in itertools.product(["pending", "succeeded", "failed", "canceled"], repeat=3):
        settle(request_refund(charge, 1), *statuses)
        books = {one.status: 0 for one in charge.refunds.all()}
        for one in charge.refunds.all():
            books[one.status] += one.amount
        counted = books.get("pending", 0) + books.get("succeeded", 0)
        expected = "partially_refunded" if books.get("succeeded") else "paid"
        assert refund_state(charge)[:2] == (counted, expected), statuses
    assert broken() <= {"order_is_the_sum_of_its_lines"}


@pytest.fixture
def came_back(charge: Any) -> Any:
    """All of its money went back before its fulfillment began; then the bank sent it here again."""
    refund = settle(request_refund(charge), "pending", "succeeded")
    start_fulfillments()  # refunded by now: nothing to fulfill
    settle(refund, "failed")
    assert refund_state(charge) == (0, "paid", ["failed"])
    return charge


def test_an_order_with_a_failed_refund_is_not_fulfilled_and_the_ledger_reports_it(came_back: Any) -> None:
    for hours in (1, 2, 70):
        assert sweep(at=NOW + dt.timedelta(hours=hours))["fulfillments not started"] == 0
    assert came_back.order.fulfillment_started_at is None
    assert broken() == {"paid_order_is_started"}


def test_sending_the_message_again_fulfills_the_order(came_back: Any) -> None:
    start_fulfillments()
    came_back.order.refresh_from_db()
    assert came_back.order.fulfillment_started_at is not None
    assert broken() == set()


def test_refunding_it_again_settles_the_order(came_back: Any) -> None:
    settle(request_refund(came_back), "succeeded")
    assert refund_state(came_back) == (1290, "refunded", ["failed", "succeeded"])
    assert broken() == set()


def test_a_returned_refund_restores_the_order(charge: Any) -> None:
    Order.objects.filter(pk=charge.order_id).update(status="fulfilled", fulfilled_at=NOW)
    refund = settle(request_refund(charge), "succeeded")
    assert refund_state(charge) == (1290, "refunded", ["succeeded"])

    settle(refund, "failed")

    refund.refresh_from_db()
    assert refund_state(charge) == (0, "fulfilled", ["failed"])
    assert (refund.failure_code, refund.failed_at, refund.succeeded_at) == ("lost_or_stolen_card", NOW, NOW)
    settle(request_refund(charge), "succeeded")  # what came back can be refunded again
    assert refund_state(charge) == (1290, "refunded", ["failed", "succeeded"])


def test_one_of_two_refunds_is_returned(charge: Any) -> None:
    first, second = settle(request_refund(charge, 290), "succeeded"), settle(request_refund(charge), "succeeded")
    settle(first, "failed")
    assert refund_state(charge) == (1000, "partially_refunded", ["failed", "succeeded"])
    settle(second, "failed")
    assert refund_state(charge) == (0, "paid", ["failed", "failed"])


def test_a_canceled_order_stays_canceled(charge: Any) -> None:
    Order.objects.filter(pk=charge.order_id).update(status="canceled", canceled_at=NOW)
    refund = settle(request_refund(charge), "succeeded")
    assert refund_state(charge)[:2] == (1290, "canceled")
    settle(refund, "failed")
    assert refund_state(charge)[:2] == (0, "canceled")


@pytest.mark.parametrize(
    "fields", [{"amount": 1}, {"currency": "USD"}, {"payment_intent_id": "pi_other"}, {"payment_intent_id": ""}]
)
def test_another_refund_settles_nothing(charge: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(RefundDiffers):
        settle(request_refund(charge, 500), "succeeded", **fields)
    assert refund_state(charge) == (500, "paid", ["pending"])


def test_a_second_refund_at_stripe_does_not_replace_the_first(charge: Any) -> None:
    refund = settle(request_refund(charge, 500), "pending")
    with pytest.raises(RefundDiffers):
        settle(refund, "succeeded", id="re_other")


def test_an_unknown_status_raises(charge: Any) -> None:
    with pytest.raises(UnexpectedRefund):
        settle(request_refund(charge, 500), "reversed")


def test_a_late_rejection_changes_nothing(charge: Any) -> None:
    """Somebody else found it made meanwhile."""
    for status in ("pending", "succeeded"):
        refund = settle(request_refund(charge, 100), status)
        settle_rejected_refund(refund_id=refund.pk, code="charge_already_refunded", at=NOW)
        refund.refresh_from_db()
        assert (refund.status, refund.failure_code) == (status, "")
    assert refund_state(charge)[0] == 200


def test_a_rejection_is_logged_for_staff_only(charge: Any) -> None:
    refund = request_refund(charge)
    for _ in range(2):
        settle_rejected_refund(refund_id=refund.pk, code="charge_disputed", at=NOW)
    assert (refund_state(charge), refund_events()) == ((0, "paid", ["failed"]), {})
