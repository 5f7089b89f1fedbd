"""Reading Stripe's disputes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from integrations.stripe import results


def made(**changes: Any) -> dict[str, Any]:
    return {
        "id": "du_1",
        "object": "dispute",
        "status": "needs_response",
        "reason": "fraudulent",
        "amount": 1290,
        "currency": "eur",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "balance_transactions": [],
        "evidence_details": {"due_by": 1790000000},
        "payment_method_details": {"type": "card", "card": {"case_type": "chargeback"}},
        "created": 1780000000,
        **changes,
    }


def moved(*amounts: int, category: bool = True) -> list[dict[str, Any]]:
    return [
        {
            "amount": amount,
            **({"reporting_category": "dispute" if amount < 0 else "dispute_reversal"} if category else {}),
        }
        for amount in amounts
    ]


def card(case_type: str) -> dict[str, Any]:
    return {"type": "card", "card": {"case_type": case_type}}


def test_a_dispute_is_read() -> None:
    assert results.dispute(made()) == results.Dispute(
        id="du_1",
        status="needs_response",
        reason="fraudulent",
        amount=1290,
        currency="EUR",
        charge_id="ch_1",
        payment_intent_id="pi_1",
        is_inquiry=False,
        funds="not_taken",
        due_by=dt.datetime.fromtimestamp(1790000000, tz=dt.UTC),
        created=dt.datetime.fromtimestamp(1780000000, tz=dt.UTC),
    )


@pytest.mark.parametrize("missing", ["evidence_details", "payment_method_details", "balance_transactions", "reason"])
@pytest.mark.parametrize("how", ["none", "absent"])
def test_fields_that_stripe_may_leave_out(missing: str, how: str) -> None:
    source = made(**{missing: None})
    if how == "absent":
        del source[missing]
    assert results.dispute(source).id == "du_1"


def test_a_dispute_without_a_deadline_for_evidence() -> None:
    assert results.dispute(made(evidence_details={"due_by": None})).due_by is None


def test_expanded_objects_are_read_as_ids() -> None:
    read = results.dispute(made(charge={"id": "ch_2"}, payment_intent={"id": "pi_2"}))
    assert (read.charge_id, read.payment_intent_id) == ("ch_2", "pi_2")
    assert results.dispute(made(payment_intent=None)).payment_intent_id == ""


@pytest.mark.parametrize("category", [True, False])
@pytest.mark.parametrize(
    ("amounts", "funds"),
    [
        ([], "not_taken"),
        ([-1290], "withdrawn"),
        ([-1290, 1290], "reinstated"),
        ([-1290, 1250], "reinstated"),
        ([1290, -1290], "reinstated"),
        ([-1290, 1290, -1290], "withdrawn"),
    ],
)
def test_the_funds_are_counted_from_the_balance_transactions(amounts: list[int], funds: str, category: bool) -> None:
    assert results.dispute(made(balance_transactions=moved(*amounts, category=category))).funds == funds


@pytest.mark.parametrize(
    ("status", "case_type", "taken", "expected"),
    [
        ("warning_needs_response", "inquiry", False, True),
        ("warning_closed", "chargeback", False, True),
        ("needs_response", "chargeback", True, False),
        ("needs_response", "inquiry", False, False),  # it has turned into a chargeback
        ("lost", "inquiry", True, False),
        ("a_new_state", "inquiry", False, True),
        ("a_new_state", "inquiry", True, False),
        ("a_new_state", "chargeback", False, False),
    ],
)
def test_an_inquiry_and_a_chargeback(status: str, case_type: str, taken: bool, expected: bool) -> None:
    source = made(
        status=status, payment_method_details=card(case_type), balance_transactions=moved(-1290) if taken else []
    )
    assert results.dispute(source).is_inquiry is expected
