"""A payment is read at Stripe and settled as Stripe shows it, without charging a card."""

from __future__ import annotations

import logging

import pytest

from charges.models import Charge
from charges.operations.payments.reading import read_payment, read_payment_of
from orders.models import Order
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import SCA, make_charge, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def waiting_order(sandbox: StripeSandbox) -> Order:
    """An order whose customer has authenticated at the bank. The shop has not heard of it."""
    order: Order = place_order(payment_method=SCA)
    capture(order)
    intent_id = str(Charge.objects.get(order=order).payment_intent_id)
    sandbox.confirm_in_browser(intent_id, SCA)
    sandbox.authenticate(intent_id)
    return order


def status_of(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, Charge.objects.get(order=order).status


def test_the_state_at_stripe_is_settled(stripe_sandbox: StripeSandbox) -> None:
    order = waiting_order(stripe_sandbox)
    assert status_of(order) == ("requires_action", "requires_action")
    confirmations = len(stripe_sandbox.requests(path="/confirm"))
    read_payment_of(order_id=order.pk, at=NOW)
    assert status_of(order) == ("paid", "succeeded")
    assert len(stripe_sandbox.requests(path="/confirm")) == confirmations


def test_reading_twice_settles_once_and_asks_stripe_once(stripe_sandbox: StripeSandbox) -> None:
    order = waiting_order(stripe_sandbox)
    read_payment_of(order_id=order.pk, at=NOW)
    reads = len(stripe_sandbox.requests(method="GET", path="/v1/payment_intents/"))
    read_payment_of(order_id=order.pk, at=NOW)
    assert len(stripe_sandbox.requests(method="GET", path="/v1/payment_intents/")) == reads
    assert published()["OrderPaid"] == 1


def test_an_intent_whose_id_was_never_saved_is_linked_by_its_metadata(stripe_sandbox: StripeSandbox) -> None:
    order = waiting_order(stripe_sandbox)
    intent_id = stripe_sandbox.intents()[0]["id"]
    Charge.objects.update(payment_intent_id=None)
    charge = read_payment(charge=Charge.objects.get(), intent_id=intent_id, at=NOW)
    assert (charge.status, charge.payment_intent_id) == ("succeeded", intent_id)
    assert status_of(order) == ("paid", "succeeded")


@pytest.mark.parametrize("has_charge", [False, True], ids=["no charge", "no intent"])
def test_an_order_without_a_payment_at_stripe_needs_no_call(
    stripe_sandbox: StripeSandbox, has_charge: bool, caplog: pytest.LogCaptureFixture
) -> None:
    order = place_order()
    if has_charge:
        make_charge(order)
    with caplog.at_level(logging.INFO):
        read_payment_of(order_id=order.pk, at=NOW)
    assert stripe_sandbox.requests(method="GET") == []
    assert str(order.pk) in caplog.text
