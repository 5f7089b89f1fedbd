from __future__ import annotations

import pytest

from charges.models import Charge
from charges.operations.payments.cancellation import cancel_payment
from orders.models import Order
from tests.support.days import NOW
from tests.support.deliveries import capture
from tests.support.factories import SOFT, dunning_run_of, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def canceled(order: Order) -> Order:
    Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=NOW)
    return order


def test_an_open_intent_is_canceled_at_stripe(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method=SOFT)
    capture(order)

    cancel_payment(order_id=canceled(order).pk, at=NOW)

    assert stripe_sandbox.statuses() == ["canceled"]
    assert Charge.objects.get().status == "canceled"


def test_dunning_stops(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method=SOFT)
    capture(order)

    cancel_payment(order_id=canceled(order).pk, at=NOW)

    run = dunning_run_of(order)
    assert (run.status, run.reason) == ("stopped", "order_canceled")


def test_a_charge_without_an_intent_is_canceled_without_a_request(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()
    Charge.objects.create(order=order, amount=order.amount, currency=order.currency, payment_method="pm_1")

    cancel_payment(order_id=canceled(order).pk, at=NOW)

    assert Charge.objects.get().status == "canceled"
    assert stripe_sandbox.requests() == []


@pytest.mark.parametrize("has_charge", [True, False])
def test_a_paid_order_or_one_without_a_charge_is_left_alone(stripe_sandbox: StripeSandbox, has_charge: bool) -> None:
    order = place_order()
    if has_charge:
        capture(order)

    cancel_payment(order_id=canceled(order).pk, at=NOW)

    assert list(Charge.objects.values_list("status", flat=True)) == (["succeeded"] if has_charge else [])
