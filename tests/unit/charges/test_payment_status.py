"""The status of an order's payment, as the customer sees it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from charges.models import Charge
from charges.payment_status import PaymentState, payment_status_of
from orders.models import Order
from tests.support.factories import declined_order, place_order, plan_dunning_step
from tests.support.payment_page import order_requiring_action
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def status_of(order: Any) -> Any:
    order.refresh_from_db(fields=["status"])
    return payment_status_of(order=order, at=timezone.now())


@pytest.mark.parametrize("order_status", Order.Status.values)
def test_every_order_status_has_a_state(order_status: str) -> None:
    paid_at = timezone.now() if order_status in ("paid", "fulfilled", "refunded", "partially_refunded") else None
    expected = {
        "pending_payment": PaymentState.PROCESSING,
        "requires_action": PaymentState.REQUIRES_ACTION,
        "payment_failed": PaymentState.PAYMENT_FAILED,
        "paid": PaymentState.PAID,
        "fulfilled": PaymentState.PAID,
        "partially_refunded": PaymentState.PAID,
        "refunded": PaymentState.NOTHING_TO_PAY,
        "canceled": PaymentState.NOTHING_TO_PAY,
    }
    assert status_of(place_order(status=order_status, paid_at=paid_at)).state == expected[order_status]


def test_a_failed_payment_has_an_explanation_and_the_next_attempt(stripe_sandbox: StripeSandbox) -> None:
    order = declined_order("insufficient_funds")
    due = plan_dunning_step(order)
    order.refresh_from_db(fields=["status"])

    status = payment_status_of(order=order, at=due - dt.timedelta(seconds=1))
    assert (status.state, status.next_attempt_at) == (PaymentState.PAYMENT_FAILED, due)
    assert str(status.explanation).startswith("The card does not cover the amount")
    assert payment_status_of(order=order, at=due).next_attempt_at is None


def test_a_card_that_is_charged_again_is_processing(stripe_sandbox: StripeSandbox) -> None:
    order = declined_order("insufficient_funds")
    Charge.objects.update(status="processing")
    assert status_of(order).state == PaymentState.PROCESSING


def test_a_canceled_charge_leaves_nothing_to_pay(stripe_sandbox: StripeSandbox) -> None:
    order = declined_order("insufficient_funds")
    Charge.objects.update(status="canceled")
    assert status_of(order).state == PaymentState.NOTHING_TO_PAY


def test_a_required_authentication_has_an_explanation(stripe_sandbox: StripeSandbox) -> None:
    status = status_of(order_requiring_action())
    assert (status.state, status.next_attempt_at) == (PaymentState.REQUIRES_ACTION, None)
    assert str(status.explanation) == "Your bank asks you to confirm the payment."
