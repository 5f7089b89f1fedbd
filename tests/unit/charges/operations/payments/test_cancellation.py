"""The payment of a canceled order is canceled at Stripe, so that it cannot be paid any more."""

from __future__ import annotations

from typing import Any

import pytest

from charges.models import Charge, DunningRun
from charges.operations.payments.cancellation import cancel_payment
from orders.models import Order
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import SCA, SOFT, make_charge, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def canceled_order(**fields: Any) -> Order:
    """An order that was captured, and canceled afterwards."""
    order: Order = place_order(**fields)
    capture(order)
    Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=NOW)
    return order


def cancel(order: Order) -> str:
    cancel_payment(order_id=order.pk, at=NOW)
    return Charge.objects.get(order=order).status


@pytest.mark.parametrize("card", [SOFT, SCA], ids=["declined", "waits for the customer"])
def test_the_intent_is_canceled_and_the_dunning_stops(stripe_sandbox: StripeSandbox, card: str) -> None:
    order = canceled_order(payment_method=card)
    assert (cancel(order), stripe_sandbox.statuses()) == ("canceled", ["canceled"])
    run = DunningRun.objects.get()
    assert (run.status, run.reason) == ("stopped", "order_canceled")


def test_a_second_delivery_does_not_call_stripe(stripe_sandbox: StripeSandbox) -> None:
    order = canceled_order(payment_method=SOFT)
    cancel(order)
    before = len(stripe_sandbox.requests())
    assert (cancel(order), len(stripe_sandbox.requests())) == ("canceled", before)


def test_money_that_arrived_a_moment_before_is_refunded(stripe_sandbox: StripeSandbox) -> None:
    order = canceled_order(payment_method=SOFT)
    stripe_sandbox.confirm_in_browser(stripe_sandbox.intents()[0]["id"], "pm_card_visa")
    assert (cancel(order), stripe_sandbox.statuses()) == ("succeeded", ["succeeded"])
    assert (Charge.objects.get().amount_refunded, published()["RefundRequested"]) == (1290, 1)


def test_a_paid_charge_is_left_alone(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()
    capture(order)
    assert (cancel(order), stripe_sandbox.statuses()) == ("succeeded", ["succeeded"])
    assert Charge.objects.get().amount_refunded == 0


def test_a_charge_without_an_intent_is_canceled_without_a_call(stripe_sandbox: StripeSandbox) -> None:
    charge = make_charge(place_order(status="canceled", canceled_at=NOW))
    assert (cancel(charge.order), stripe_sandbox.requests()) == ("canceled", [])


def test_an_order_without_a_charge_needs_nothing(stripe_sandbox: StripeSandbox) -> None:
    cancel_payment(order_id=place_order(status="canceled").pk, at=NOW)
    assert (Charge.objects.count(), stripe_sandbox.requests()) == (0, [])
