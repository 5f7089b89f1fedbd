"""A dunning run ends once; if it is exhausted, the plan's policy decides about the subscription."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from charges.models import Charge, DunningRun, DunningStep
from charges.operations.dunning import ending
from charges.operations.locks import locked_charge
from subscriptions.models import Subscription
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import make_charge, make_dunning_run, place_order, place_renewal
from tests.support.subscriptions import put_in_status, status_and_reason

pytestmark = pytest.mark.django_db


def dunned(*, subscription: str = "past_due", order: Any = None, **run: Any) -> DunningRun:
    """An active run with one step taken and one planned."""
    charge = make_charge(order or place_order(status="payment_failed"), status="failed")
    Subscription.objects.filter(pk=charge.order.subscription_id).update(status=subscription)
    made = make_dunning_run(charge.order, **run)
    made.steps.create(number=1, status="reminded", due_at=NOW, done_at=NOW)
    made.steps.create(number=2, due_at=NOW)
    return made


def stored(run: DunningRun) -> tuple[str, str, bool]:
    run.refresh_from_db()
    return run.status, run.reason, run.ended_at == NOW


def steps(run: DunningRun) -> list[str]:
    return list(DunningStep.objects.filter(run=run).order_by("number").values_list("status", flat=True))


def exhaust(run: DunningRun) -> None:
    with transaction.atomic():
        charge = locked_charge(charge_id=Charge.objects.get(order=run.order_id).pk)
        ending.exhaust(run=run, charge=charge, at=NOW)


def test_a_paid_order_ends_its_run_and_drops_the_planned_step() -> None:
    run, other = dunned(), dunned()
    ending.recover(order=run.order, at=NOW)
    assert (stored(run), steps(run)) == (("recovered", "", True), ["reminded", "dropped"])
    assert stored(other)[0] == "active"


def test_only_the_runs_of_an_ended_subscription_are_stopped_by_its_end() -> None:
    """The subscription may be reinstated before the message about its end arrives."""
    run = dunned(subscription="incomplete")
    subscription = run.order.subscription
    assert ending.stop_for_ended_subscription(subscription_id=subscription.pk, at=NOW) == 0
    put_in_status("canceled", subscription=subscription)
    assert ending.stop_for_ended_subscription(subscription_id=subscription.pk, at=NOW) == 1
    assert stored(run) == ("stopped", "subscription_canceled", True)


def test_a_run_is_stopped_once_and_keeps_its_first_reason() -> None:
    run = dunned()
    assert ending.stop(order_id=run.order_id, reason="disputed", at=NOW) == 1
    assert ending.stop(order_id=run.order_id, reason="order_canceled", at=NOW) == 0
    assert stored(run) == ("stopped", "disputed", True)


def test_all_runs_of_a_subscription_or_of_a_customer_are_stopped_and_no_others() -> None:
    run, other = dunned(), dunned()
    second = dunned(order=place_renewal(run.order, payment_method="pm_1"))
    assert ending.stop_for_subscription(subscription_id=run.order.subscription_id, reason="disputed", at=NOW) == 2
    assert [stored(one)[0] for one in (run, second, other)] == ["stopped", "stopped", "active"]
    assert ending.stop_for_customer(customer_id=other.order.customer_id, reason="erasure", at=NOW) == 1
    assert stored(other)[:2] == ("stopped", "erasure")


@pytest.mark.parametrize(
    ("policy", "subscription", "after", "order"),
    [
        ("cancel", "past_due", ("canceled", "unpaid"), "canceled"),
        ("pause", "past_due", ("paused", "unpaid"), "canceled"),
        ("pause", "incomplete", ("canceled", "unpaid"), "canceled"),
        ("past_due", "past_due", ("past_due", ""), "payment_failed"),
    ],
)
def test_an_exhausted_run_applies_the_policy(
    policy: str, subscription: str, after: tuple[str, str], order: str
) -> None:
    run = dunned(subscription=subscription, unpaid_policy=policy)
    exhaust(run)
    assert (stored(run), steps(run)) == (("exhausted", "", True), ["reminded", "dropped"])
    assert status_and_reason(run.order.subscription) == after
    run.order.refresh_from_db()
    assert run.order.status == order
    assert published()["DunningExhausted"] == 1


def test_a_run_that_ended_meanwhile_is_not_exhausted() -> None:
    run = dunned()
    ending.stop(order_id=run.order_id, reason="disputed", at=NOW)
    exhaust(run)
    assert stored(run)[0] == "stopped"
    assert (Subscription.objects.get().status, published()) == ("past_due", {})


@pytest.mark.parametrize(
    ("status", "reason", "canceled"),
    [("paused", "unpaid", 1), ("paused", "disputed", 0), ("active", "", 0)],
)
def test_the_other_unpaid_orders_are_canceled_if_the_subscription_was_paused_unpaid(
    status: str, reason: str, canceled: int
) -> None:
    order = place_order(status="canceled")
    other = place_renewal(order, payment_method="pm_1")
    put_in_status(status, *filter(None, [reason]))
    assert ending.cancel_other_unpaid_orders(order_id=order.pk, at=NOW) == canceled
    other.refresh_from_db()
    assert other.status == ("canceled" if canceled else "pending_payment")
