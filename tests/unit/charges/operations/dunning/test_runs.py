"""Dunning runs from their first failure to their end. The tests pass the time in; nothing sleeps."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from charges.models import ChargeAttempt, DunningRun, DunningStep
from charges.operations import attempts, ledger
from charges.operations.dunning import ending, runs
from charges.operations.payments import reading, settlement
from charges.operations.payments.new_payment_method import (
    replace_payment_method,
)
from integrations.stripe.results import Decline
from subscriptions.models import Plan
from subscriptions.operations import subscriptions
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, published
from tests.support.dunning import attempts_of, reloaded, step_statuses
from tests.support.factories import (
    HARD,
    SCA,
    SOFT,
    charge_of,
    dunning_run_of,
    paid_before,
    place_renewal,
    request_refund,
    unpaid,
)
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_changed_policy_does_not_affect_a_run_that_began_before(days: Days, settings: Any) -> None:
    order = unpaid(days, unpaid_policy="past_due")
    Plan.objects.update(unpaid_policy="cancel")
    settings.DUNNING_SCHEDULE = (1,)
    days.pass_(days=60)
    assert (reloaded(order).status, len(attempts_of(order))) == ("payment_failed", 5)


def test_a_decline_after_the_cancellation_begins_no_dunning(days: Days) -> None:
    order = place_renewal(paid_before(days), payment_method=SOFT)
    charge = attempts.open_charge(order_id=order.pk)
    assert charge is not None
    attempts.claim(charge_id=charge.pk, task_id="", at=days.now)
    with transaction.atomic():
        subscriptions.cancel(subscription=order.subscription, reason="staff", actor=TESTS, at=days.now)
    # The other queue's message, which cancels the order, is the last of the three.
    ending.stop_for_subscription(subscription_id=order.subscription_id, reason="canceled", at=days.now)
    decline = Decline(code="card_declined", decline_code="insufficient_funds")
    settlement.settle_decline(charge_id=charge.pk, decline=decline, at=days.now)
    days.settle()

    assert reloaded(order).status == "canceled"
    assert not DunningRun.objects.filter(order=order).exists()
    assert published()["PaymentFailed"] == 0
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []


def test_a_refunded_order_is_not_collected_again(days: Days) -> None:
    order = unpaid(days)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    request_refund(None, order_number=order.number)
    days.pass_(days=60)
    assert (reloaded(order).status, len(attempts_of(order)), step_statuses(order)) == ("refunded", 2, ["dropped"])
    assert charge_of(order).amount_refunded == order.amount


def test_dunning_stopped_by_a_dispute_resumes_after_the_win(days: Days) -> None:
    order = unpaid(days)
    ending.stop_for_subscription(subscription_id=order.subscription_id, reason="disputed", at=days.now)
    days.pass_(days=30)
    assert len(attempts_of(order)) == 1

    went_on = runs.resume_for_subscription(
        subscription_id=order.subscription_id, stopped_because="disputed", at=days.now
    )
    assert went_on == 1
    days.pass_(days=2)
    assert [day for _, day in attempts_of(order)] == [0, 32]


def test_no_reminder_for_a_charge_that_cannot_be_paid(days: Days) -> None:
    """Its intent was closed at Stripe while a dispute kept the dunning from going on."""
    order = unpaid(days)
    ending.stop_for_subscription(subscription_id=order.subscription_id, reason="disputed", at=days.now)
    days.sandbox.api("POST", f"/v1/payment_intents/{charge_of(order).payment_intent_id}/cancel")
    reading.read_payment_of(order_id=order.pk, at=days.now)

    runs.resume_for_subscription(subscription_id=order.subscription_id, stopped_because="disputed", at=days.now)
    days.settle()

    assert (dunning_run_of(order).status, reloaded(order).status) == ("exhausted", "canceled")
    assert (published()["PaymentReminderDue"], published()["DunningExhausted"]) == (0, 1)


def test_constraints_keep_one_planned_step_and_one_run(days: Days) -> None:
    order = unpaid(days)
    run = dunning_run_of(order)
    with pytest.raises(IntegrityError), transaction.atomic():
        DunningStep.objects.create(run=run, number=2, due_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        DunningRun.objects.create(order=order, schedule=[1], unpaid_policy="cancel", started_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        run.steps.update(status="attempted", done_at=NOW)


def test_a_quarter_of_dunning(days: Days) -> None:
    """A renewal a month for four kinds of customers; after each month the ledger is proven."""
    cards = {"soft": SOFT, "hard": HARD, "sca": SCA, "mends": HARD}
    placed: dict[str, list[Any]] = {kind: [] for kind in cards}
    for month in range(3):
        days.until(NOW + dt.timedelta(days=30 * month))
        for kind, card in cards.items():
            order = paid_before(days)
            renewal = place_renewal(order, payment_method=card)
            capture(renewal, at=days.now)
            placed[kind].append(renewal)
        days.pass_(days=5)
        replace_payment_method(order_id=placed["mends"][-1].pk, payment_method="pm_card_visa", at=days.now)
        days.settle()
        assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []
    days.pass_(days=60)

    ended = {kind: Counter(reloaded(order).status for order in orders) for kind, orders in placed.items()}
    assert ended == {
        "soft": {"canceled": 3}, "hard": {"canceled": 3}, "sca": {"canceled": 3},
        "mends": {"paid": 3},
    }  # fmt: skip
    assert ChargeAttempt.objects.filter(charge__order__in=placed["soft"]).count() == 15
    assert DunningRun.objects.filter(status="active").count() == 0
    assert Counter(days.sandbox.statuses()) == {"succeeded": 12 + 3, "canceled": 9}
    assert published()["DunningExhausted"] == 9
    assert not days.dead
