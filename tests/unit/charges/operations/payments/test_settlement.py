"""Settlement moves forward only, in any order in which the intent is read."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from charges.models import Charge, DunningRun
from charges.operations import attempts
from charges.operations.payments import settlement
from charges.operations.payments.settlement import IntentDiffers, UnexpectedIntent
from integrations.outbox.models import OutboxMessage
from integrations.stripe.results import Decline, PaymentIntent
from subscriptions.models import PendingChange
from subscriptions.operations import pending_changes
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import make_plan, place_order
from tests.support.plan_changes import change, outcome_of, paid_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db


def pending_charge() -> Charge:
    order = place_order()
    charge = attempts.open_charge(order_id=order.pk)
    assert charge is not None
    confirmed(charge)
    Charge.objects.filter(pk=charge.pk).update(payment_intent_id=f"pi_{charge.pk}")
    charge.refresh_from_db()
    return charge


def confirmed(charge: Charge) -> None:
    """Start an attempt, and save that its confirmation was requested."""
    claim = attempts.claim(charge_id=charge.pk, task_id="", at=NOW)
    assert claim is not None
    attempts.save_confirmation_time(attempt=claim.attempt, at=NOW)


def intent(charge: Charge, status: str, **decline: str) -> PaymentIntent:
    return PaymentIntent(
        id=str(charge.payment_intent_id),
        status=status,
        amount=charge.amount,
        currency=charge.currency,
        decline=Decline(**decline) if decline else None,
    )


def settle(charge: Charge, status: str, **decline: str) -> str:
    return settlement.settle(charge_id=charge.pk, intent=intent(charge, status, **decline), at=NOW).status


LOST = {"code": "card_declined", "decline_code": "lost_card", "stripe_charge_id": "ch_1"}
SCA = {"code": "authentication_required", "stripe_charge_id": "ch_2"}
NO_CHARGE = {"code": "payment_intent_authentication_failure"}
READINGS: list[tuple[str, dict[str, str]]] = [
    ("succeeded", {}),
    ("processing", {}),
    ("requires_action", {}),
    ("requires_confirmation", {}),
    ("requires_payment_method", LOST),
    ("requires_payment_method", SCA),
    ("requires_payment_method", NO_CHARGE),
    ("requires_payment_method", {}),
    ("canceled", {}),
]


@pytest.mark.parametrize(("status", "decline"), READINGS)
def test_success_is_final(status: str, decline: dict[str, str]) -> None:
    charge = pending_charge()
    settle(charge, "succeeded")

    assert settle(charge, status, **decline) == "succeeded"
    settlement.settle_decline(charge_id=charge.pk, decline=Decline(**LOST), at=NOW)
    settlement.settle_invalid_request(charge_id=charge.pk, code="x", at=NOW)

    charge.refresh_from_db()
    assert (charge.status, charge.order.status, charge.attempts.get().status) == ("succeeded", "paid", "succeeded")
    assert published() == {"OrderPaid": 1}


@pytest.mark.parametrize("code", ["resource_missing", "parameter_unknown", "something_new", ""])
def test_an_invalid_request_by_our_fault_fails_the_charge_without_a_message(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    charge = pending_charge()

    settlement.settle_invalid_request(charge_id=charge.pk, code=code, at=NOW)

    charge.refresh_from_db()
    attempt = charge.attempts.get()
    assert (charge.status, charge.order.status) == ("failed", "pending_payment")
    assert (attempt.status, attempt.code) == ("rejected", code)
    assert published() == {}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Stripe rejected our request" in caplog.text


def test_an_invalid_request_because_of_the_card_waits_for_another_card() -> None:
    charge = pending_charge()

    settlement.settle_invalid_request(charge_id=charge.pk, code="expired_card", at=NOW)

    charge.refresh_from_db()
    statuses = (charge.status, charge.order.status, charge.attempts.get().status)
    assert statuses == ("failed", "payment_failed", "rejected")
    assert published() == {"PaymentFailed": 1}


def test_a_decline_after_an_invalid_request_sends_the_message() -> None:
    charge = pending_charge()
    settlement.settle_invalid_request(charge_id=charge.pk, code="parameter_unknown", at=NOW)
    assert attempts.claim(charge_id=charge.pk, task_id="", at=NOW) is not None

    settlement.settle_decline(charge_id=charge.pk, decline=Decline(**LOST), at=NOW)

    charge.refresh_from_db()
    assert (charge.status, charge.order.status) == ("failed", "payment_failed")
    assert published() == {"PaymentFailed": 1}


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings=st.lists(st.sampled_from(READINGS), min_size=1, max_size=6))
# The bank asks, declines, and asks again at the customer's next attempt: each is published.
@example(readings=[READINGS[2], READINGS[4], READINGS[1], READINGS[2]])
def test_charge_attempt_and_order_agree_after_every_intent(
    readings: list[tuple[str, dict[str, str]]],
) -> None:
    from integrations.outbox.models import OutboxMessage

    OutboxMessage.objects.all().delete()
    charge = pending_charge()
    for status, decline in readings:
        settle(charge, status, **decline)
        charge.refresh_from_db()
        assert charge.order.status in AGREES[charge.status]
        attempt = charge.attempts.get()
        # A customer who pays a failed charge in the browser does so without an attempt row.
        already_declined = attempt.status == "declined"
        assert (attempt.finished_at is None) == (charge.status in UNDECIDED) or already_declined
    assert (charge.status == "succeeded") == any(status == "succeeded" for status, _ in readings)
    assert published().get("OrderPaid", 0) <= 1
    rows = OutboxMessage.objects.order_by("pk").values_list("task", flat=True)
    messages = [task for task in rows if task.startswith("emails.payment_")]
    assert len(messages) >= sum(published()[event] for event in ("PaymentFailed", "PaymentActionRequired"))
    assert all(one != other for one, other in itertools.pairwise(messages)), "no message is sent twice in a row"


UNDECIDED = ("pending", "processing", "requires_action")
AGREES = {
    "pending": {"pending_payment"},
    "processing": {"pending_payment", "requires_action", "payment_failed"},
    "requires_action": {"requires_action"},
    "succeeded": {"paid", "canceled"},
    "failed": {"payment_failed"},
    "canceled": {"canceled"},
}


def second_attempt(charge: Charge) -> Any:
    """Begin a second attempt, as dunning does: the first was declined, the second's outcome is unknown."""
    settle(charge, "requires_payment_method", **LOST)
    charge.refresh_from_db()
    charge.status = Charge.Status.PENDING
    charge.save()
    return attempts.begin(charge=charge, task_id="", at=NOW, confirmed_at=NOW)


def test_an_old_decline_does_not_settle_a_new_attempt() -> None:
    charge = pending_charge()
    attempt = second_attempt(charge)

    assert settle(charge, "requires_payment_method", **LOST) == "pending"

    attempt.refresh_from_db()
    assert attempt.status == "started"


@pytest.mark.parametrize("decline", [{**LOST, "stripe_charge_id": "ch_9"}, NO_CHARGE])
def test_a_new_decline_settles_the_new_attempt(decline: dict[str, str]) -> None:
    charge = pending_charge()
    attempt = second_attempt(charge)

    assert settle(charge, "requires_payment_method", **decline) == "failed"

    attempt.refresh_from_db()
    assert attempt.status == "declined"


def test_a_decline_in_the_browser_does_not_settle_an_unconfirmed_attempt() -> None:
    charge = pending_charge()
    attempt = second_attempt(charge)
    charge.attempts.filter(pk=attempt.pk).update(confirmed_at=None)

    assert settle(charge, "requires_payment_method", **{**LOST, "stripe_charge_id": "ch_9"}) == "pending"

    attempts.save_confirmation_time(attempt=attempt, at=NOW)
    assert settle(charge, "requires_payment_method", **{**LOST, "stripe_charge_id": "ch_9"}) == "failed"


def test_a_late_decline_settles_the_same_attempt_under_its_next_key() -> None:
    charge = pending_charge()
    replacement = attempts.replace(attempt=charge.attempts.get(), at=NOW)

    assert settle(charge, "requires_payment_method", **LOST) == "failed"

    replacement.refresh_from_db()
    assert replacement.status == "declined"


def test_a_second_decline_in_the_browser_fails_the_charge_again() -> None:
    charge = pending_charge()
    settle(charge, "requires_payment_method", **LOST)
    assert settle(charge, "processing") == "processing"
    assert attempts.claim(charge_id=charge.pk, task_id="", at=NOW) is None, "nothing is confirmed meanwhile"

    assert settle(charge, "requires_payment_method", **{**LOST, "stripe_charge_id": "ch_9"}) == "failed"


def test_the_customer_pays_a_failed_intent_in_the_browser() -> None:
    charge = pending_charge()
    settle(charge, "requires_payment_method", **LOST)

    assert settle(charge, "succeeded") == "succeeded"

    charge.refresh_from_db()
    assert (charge.order.status, charge.attempts.get().status) == ("paid", "declined")


@pytest.mark.parametrize("change", [{"id": "pi_other"}, {"amount": 1}, {"currency": "USD"}])
def test_an_intent_of_another_charge_settles_nothing(change: dict[str, Any]) -> None:
    charge = pending_charge()
    with pytest.raises(IntentDiffers):
        settlement.settle(
            charge_id=charge.pk, intent=dataclasses.replace(intent(charge, "succeeded"), **change), at=NOW
        )
    assert published() == {}


@pytest.mark.parametrize("status", ["requires_capture", "something_new"])
def test_an_unexpected_status_raises(status: str) -> None:
    with pytest.raises(UnexpectedIntent):
        settle(pending_charge(), status)


# Changes of plan or quantity


def pending_change() -> Charge:
    """The charge of a change whose payment waits for its outcome."""
    order = change(paid_subscription(make_plan()), at=NOW + dt.timedelta(days=3), quantity=3).order
    assert order is not None
    OutboxMessage.objects.all().delete()
    charge = attempts.open_charge(order_id=order.pk)
    assert charge is not None
    confirmed(charge)
    Charge.objects.filter(pk=charge.pk).update(payment_intent_id=f"pi_{charge.pk}")
    charge.refresh_from_db()
    return charge


@pytest.mark.parametrize(
    ("status", "decline", "order_status", "outcome", "events"),
    [
        ("succeeded", {}, "paid", "applied", {"OrderPaid", "PlanChanged"}),
        ("processing", {}, "pending_payment", "waiting", set()),
        ("requires_payment_method", SCA, "requires_action", "waiting", {"PaymentActionRequired"}),
        ("requires_payment_method", LOST, "canceled", "dropped", {"OrderCanceled", "PlanChangeClosed"}),
        ("requires_payment_method", NO_CHARGE, "canceled", "dropped", {"OrderCanceled", "PlanChangeClosed"}),
        ("canceled", {}, "canceled", "dropped", {"OrderCanceled", "PlanChangeClosed"}),
    ],
)
def test_each_outcome_of_the_payment_of_a_change(
    status: str, decline: dict[str, str], order_status: str, outcome: str, events: set[str]
) -> None:
    charge = pending_change()
    for _ in range(2):
        settle(charge, status, **decline)

    charge.refresh_from_db()
    order = charge.order
    assert (order.status, outcome_of(order), order.subscription.status) == (order_status, outcome, "active")
    assert order.subscription.quantity == (3 if outcome == "applied" else 1)
    assert set(published()) == events
    assert not DunningRun.objects.exists()


def test_a_payment_of_a_change_that_was_closed_is_refunded() -> None:
    charge = pending_change()
    with transaction.atomic():
        pending_changes.close_all(
            subscription=charge.order.subscription, outcome=PendingChange.Outcome.WITHDRAWN, actor=TESTS, at=NOW
        )

    settle(charge, "succeeded")

    charge.refresh_from_db()
    assert (charge.order.status, outcome_of(charge.order), charge.amount_refunded) == (
        "canceled", "withdrawn", charge.amount,
    )  # fmt: skip
    assert charge.order.subscription.quantity == 1
