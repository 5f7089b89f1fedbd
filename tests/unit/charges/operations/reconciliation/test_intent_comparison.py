"""Every pair of an intent at Stripe and a charge here: do they agree, and what may be done if they do not?"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from charges.models import Charge
from charges.operations.reconciliation.differences import Difference, Remedy
from charges.operations.reconciliation.intent_comparison import of_intents
from integrations.stripe.listings import Listed
from integrations.stripe.results import Decline
from tests.support.days import NOW
from tests.support.factories import make_attempt, make_charge

pytestmark = pytest.mark.django_db

OPEN = ["requires_payment_method", "requires_confirmation", "requires_action"]
CHARGE_STATUSES = list(Charge.Status.values)


def listed(**fields: Any) -> Listed:
    values = {
        "kind": "intent",
        "id": "pi_1",
        "made_at": NOW,
        "status": "succeeded",
        "amount": 1290,
        "currency": "EUR",
        "payment_intent_id": "pi_1",
        "stripe_charge_id": "",
        **fields,
    }
    return Listed(**values)


def own(status: str) -> Charge:
    """A charge whose intent is ``pi_1``."""
    return make_charge(
        status=status, payment_intent_id="pi_1", succeeded_at=NOW if status == "succeeded" else None
    )


def found(*rows: Listed) -> list[tuple[str, Remedy]]:
    return [(difference.problem, difference.remedy) for difference in of_intents(rows)]


# The statuses of a charge that agree with each status of its intent.
AGREE = {
    "succeeded": ["succeeded"],
    "processing": ["processing"],
    "requires_action": ["requires_action", "failed"],
    "requires_payment_method": ["pending", "failed"],
    "requires_confirmation": ["pending", "failed", "requires_action"],
    "canceled": ["canceled"],
    "a_new_status": [],
}


@pytest.mark.parametrize("charge", CHARGE_STATUSES)
@pytest.mark.parametrize("intent", AGREE)
def test_each_status_of_an_intent_with_each_status_of_its_charge(intent: str, charge: str) -> None:
    own(charge)
    if charge in AGREE[intent]:
        expected = []
    elif (intent, charge) == ("succeeded", "canceled"):
        expected = [("paid_though_canceled", Remedy.NONE)]
    elif charge == "canceled" and intent in OPEN:
        expected = [("status_differs", Remedy.CANCEL)]
    elif charge in ("canceled", "succeeded") or intent == "a_new_status":
        expected = [("status_differs", Remedy.NONE)]
    else:
        expected = [("status_differs", Remedy.READ)]
    assert found(listed(status=intent)) == expected


@pytest.mark.parametrize("different", [{"amount": 1289}, {"currency": "USD"}])
def test_another_amount_is_a_difference_that_needs_a_person(different: dict[str, Any]) -> None:
    charge = own("succeeded")
    [difference] = of_intents([listed(**different)])
    assert isinstance(difference, Difference)
    assert (difference.problem, difference.remedy) == ("amount_differs", Remedy.NONE)
    assert (difference.kind, difference.stripe_id, difference.charge_id) == ("intent", "pi_1", charge.pk)
    assert (difference.made_at, "12.90 EUR" in difference.details) == (NOW, True)


@pytest.mark.parametrize(
    ("code", "agrees"), [("authentication_required", True), ("card_declined", False), (None, False)]
)
def test_a_charge_may_wait_for_its_customer_after_the_bank_demanded_authentication(
    code: str | None, agrees: bool
) -> None:
    own("requires_action")
    decline = Decline(code=code) if code else None
    assert (found(listed(status="requires_payment_method", decline=decline)) == []) is agrees


@pytest.mark.parametrize(("known", "expected"), [("ch_1", []), ("ch_0", [("status_differs", Remedy.READ)])])
def test_a_decline_that_the_pending_charge_does_not_know_is_a_difference(known: str, expected: Any) -> None:
    make_attempt(own("pending"), status="declined", stripe_charge_id=known)
    decline = Decline(code="card_declined", stripe_charge_id="ch_1")
    assert found(listed(status="requires_payment_method", decline=decline)) == expected


@pytest.mark.parametrize("intent", ["succeeded", "processing", "requires_capture", *OPEN, "canceled"])
@pytest.mark.parametrize(
    ("charge", "moved", "is_open"),
    [
        ({"payment_intent_id": None}, ("status_differs", Remedy.READ), ("not_linked", Remedy.READ)),
        (
            {"payment_intent_id": None, "status": "canceled"},
            ("paid_though_canceled", Remedy.NONE),
            ("second_intent", Remedy.CANCEL),
        ),
        ({"payment_intent_id": "pi_own"}, ("paid_twice", Remedy.NONE), ("second_intent", Remedy.CANCEL)),
    ],
    ids=["no intent saved", "canceled", "another intent saved"],
)
def test_an_intent_that_names_a_charge_which_has_not_saved_it(
    charge: dict[str, Any], moved: Any, is_open: Any, intent: str
) -> None:
    row = make_charge(**charge)
    expected = [] if intent == "canceled" else [is_open] if intent in OPEN else [moved]
    assert found(listed(status=intent, metadata={"charge": str(row.pk)})) == expected


@pytest.mark.parametrize(
    ("status", "metadata", "expected"),
    [
        ("succeeded", {}, ["missing_here"]),
        ("requires_confirmation", {}, []),
        ("requires_confirmation", {"charge": str(uuid4())}, ["missing_here"]),
        ("succeeded", {"charge": "not a uuid"}, ["missing_here"]),
        ("canceled", {"charge": str(uuid4())}, []),
    ],
)
def test_an_intent_of_no_charge_matters_if_money_moved_or_it_names_one(
    status: str, metadata: dict[str, str], expected: list[str]
) -> None:
    assert [problem for problem, _ in found(listed(status=status, metadata=metadata))] == expected


def test_a_page_takes_the_same_queries_for_one_intent_and_for_many(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    charges = [make_charge(payment_intent_id=f"pi_{number}") for number in range(5)]
    named = [listed(id=f"pi_x{number}", metadata={"charge": str(row.pk)}) for number, row in enumerate(charges)]
    with django_assert_num_queries(2):
        assert len(of_intents([listed(id="pi_0"), named[0]])) == 2
    with django_assert_num_queries(2):
        assert len(of_intents([*(listed(id=f"pi_{number}") for number in range(5)), *named])) == 10
