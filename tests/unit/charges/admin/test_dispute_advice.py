"""The advice on the next step of a dispute."""

from __future__ import annotations

import datetime as dt

import pytest

from charges.admin.dispute_advice import next_step
from charges.models import Charge, Dispute
from orders.models import Order
from subscriptions.models import Subscription
from tests.support.days import NOW

ACTIVE, PAUSED, CANCELED = Subscription.Status.ACTIVE, Subscription.Status.PAUSED, Subscription.Status.CANCELED


def dispute(status: str, *, subscription: str = ACTIVE, due_by: dt.datetime | None = NOW) -> Dispute:
    """A dispute that is not saved."""
    order = Order(subscription=Subscription(status=subscription))
    return Dispute(charge=Charge(order=order), status=status, due_by=due_by)


@pytest.mark.parametrize(
    ("status", "subscription", "advice"),
    [
        (
            "warning_needs_response",
            ACTIVE,
            "Answer the bank's inquiry in the Stripe dashboard by 2026-03-01 12:00 UTC. No money is withdrawn yet.",
        ),
        ("needs_response", PAUSED, "Submit evidence in the Stripe dashboard by 2026-03-01 12:00 UTC."),
        ("appeal_needs_response", PAUSED, "Submit evidence in the Stripe dashboard by 2026-03-01 12:00 UTC."),
        ("under_review", PAUSED, "Wait for the bank's decision."),
        ("warning_under_review", ACTIVE, "Wait for the bank's decision."),
        ("appeal_under_review", ACTIVE, "Wait for the bank's decision."),
        ("warning_closed", ACTIVE, "Nothing to do: the bank has closed its inquiry."),
        ("won", ACTIVE, "Won. Nothing to do."),
        ("won", CANCELED, "Won. The subscription stays canceled. The customer may place a new order."),
        ("won", PAUSED, "Won. The subscription is still paused: look for another dispute or an unpaid order."),
        (
            "lost",
            PAUSED,
            "Lost: the amount and the fee are not paid back. The subscription is paused: decide whether to cancel it.",
        ),
        ("lost", CANCELED, "Lost: the amount and the fee are not paid back. The subscription is canceled."),
        (
            "lost",
            ACTIVE,
            "Lost: the amount and the fee are not paid back. The subscription continues: decide whether to cancel it.",
        ),
        (
            "prevented",
            PAUSED,
            "The payment was refunded before the dispute was opened. "
            "The subscription is paused: decide whether to cancel it.",
        ),
        ("something_new", ACTIVE, "This status is unknown to the shop. Look at the dispute in the Stripe dashboard."),
    ],
)
def test_each_status_has_a_next_step(status: str, subscription: str, advice: str) -> None:
    assert next_step(dispute=dispute(status, subscription=subscription)) == advice


def test_a_dispute_without_a_deadline_has_no_date_in_its_next_step() -> None:
    assert next_step(dispute=dispute("needs_response", due_by=None)) == "Submit evidence in the Stripe dashboard."
